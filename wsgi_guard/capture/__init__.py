"""Every error becomes one event: found however it hides, redacted, logged, and told to Sentry if wanted."""
