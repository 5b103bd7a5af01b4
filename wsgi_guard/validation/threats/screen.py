"""One value, all classes: a cheap look first, the rules only where something could match.

Pure. What the cheap look lets pass no rule can match; a test holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from . import cmdi, ldap, sqli, traversal, xss
from .normalise import LONGEST, decoded

# Most values of everyday traffic are this and nothing more: words, numbers, addresses, dates.
PLAIN = re.compile(r"[\w .,@:-]*")

FINDERS: dict[str, Callable[[str], str | None]] = {
    "sqli": sqli.find, "xss": xss.find, "cmdi": cmdi.find, "traversal": traversal.find, "ldap": ldap.find,
}  # fmt: skip
HINTS: dict[str, tuple[str, ...]] = {
    "sqli": sqli.HINTS, "xss": xss.HINTS, "cmdi": cmdi.HINTS, "traversal": traversal.HINTS, "ldap": ldap.HINTS,
}  # fmt: skip


class Finding(NamedTuple):
    """A class of attack, and the rule that says so."""

    kind: str
    rule: str


def is_plain(value: str) -> bool:
    """Whether nothing needs to be looked for in `value`."""
    if PLAIN.fullmatch(value) is None:
        return False
    # The one attack that needs no punctuation: a number, then UNION SELECT.
    return len(value) < 12 or "union" not in value.lower()


def screen(value: str, classes: Collection[str]) -> Finding | None:
    """The first finding in `value`, of which at most LONGEST characters are looked at."""
    if is_plain(value):
        return None
    text = decoded(value[:LONGEST])
    for kind in classes:
        if any(hint in text for hint in HINTS[kind]):
            rule = FINDERS[kind](text)
            if rule is not None:
                return Finding(kind, rule)
    return None
