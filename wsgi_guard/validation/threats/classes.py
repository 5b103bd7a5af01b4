"""The names of the classes of attack, in the order they are looked for."""

from __future__ import annotations

CLASSES = ("sqli", "xss", "cmdi", "traversal", "ldap", "header")
