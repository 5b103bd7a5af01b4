"""Postgres: pools that open where they are used, and the one transaction of a request."""
