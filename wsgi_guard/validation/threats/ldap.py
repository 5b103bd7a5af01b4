"""LDAP injection: a value that closes its filter and opens another (RFC 4515)."""

from __future__ import annotations

import re

HINTS = ("*", "(", ")")

RULES = (
    ("breakout", re.compile(r"[^()]*+\)++ ?(?:\([|&!]|\( ?[a-z*]{1,30}[~<>]?=)|\*\)")),
    ("any-object", re.compile(r"[^=]*?objectclass ?= ?\*")),
)


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    if not any(hint in text for hint in HINTS):
        return None
    for name, pattern in RULES:
        if pattern.match(text):
            return name
    return None
