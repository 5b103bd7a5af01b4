"""Who hears of errors, and when: thresholds, one message for a cause, one sender for a fleet."""
