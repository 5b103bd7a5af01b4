"""What a configuration would decide: one request explained, a log of many run again, by the layers' own functions."""
