"""What looks like an attack, one file a class."""
