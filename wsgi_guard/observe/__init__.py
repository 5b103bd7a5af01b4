"""What operators read: log lines."""
