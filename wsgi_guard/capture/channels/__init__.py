"""How a message leaves: by mail, to Slack, to a webhook, to Sentry. Each file one channel, none knows another."""
