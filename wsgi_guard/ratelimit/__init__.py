"""Who may call how often: rules are planned, charged in one call to a store, and judged."""
