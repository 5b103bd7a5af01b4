"""LDAP injection: a value that closes its filter and opens another (RFC 4515)."""

from __future__ import annotations

import re

HINTS = ("*", "(", ")")

RULES = (
    ("breakout", re.compile(r"\*\)+\s*\(|\)+\s*\(\s*[|&!]\s*\(?|^\*\)|\)\(\s*[a-z]{1,30}\s*[~<>]?=")),
    ("filter", re.compile(r"\(\s*[|&]\s*\(\s*!?\(?\s*[a-z]{1,30}\s*[~<>]?=|objectclass\s*=\s*\*|\(\s*[a-z]{2,30}\s*=\s*\*\s*\)")),
)


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    for name, pattern in RULES:
        if pattern.search(text):
            return name
    return None
