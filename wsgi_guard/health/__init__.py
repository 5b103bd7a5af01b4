"""Health: checks run in the background, and the answers that probes and admins get from what they found."""
