"""Validation: schema files, limits before any parse, coercion, and the screen for what looks like an attack."""
