"""One value, all classes: a cheap look first, the rules only where something could match.

Pure. What the cheap look lets pass no rule can match; a test holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from . import cmdi, ldap, sqli, traversal, xss
from .normalise import decoded, folded

# Most values of everyday traffic are this and nothing more: words, numbers, addresses, dates.
_PLAIN = re.compile(r"[\w .,@:-]*+", re.A)
_PLAIN_ABROAD = re.compile(r"[\w .,@:-]*+")
# The one attack that needs nothing but words: a number, then UNION SELECT. Shorter values cannot hold it.
_WORD, _SHORTEST = "union", 12

FINDERS: dict[str, Callable[[str], str | None]] = {
    "sqli": sqli.find, "xss": xss.find, "cmdi": cmdi.find, "traversal": traversal.find, "ldap": ldap.find,
}  # fmt: skip


class Finding(NamedTuple):
    """A class of attack, and the rule that says so."""

    kind: str
    rule: str


def is_plain(value: str) -> bool:
    """Whether nothing needs to be looked for in `value`.

    Letters of other scripts are judged by their compatibility forms: "\u2474" is a number to `\\w`, and means "(1)".
    """
    if _PLAIN.fullmatch(value) is None:
        if value.isascii():
            return False
        value = folded(value)
        if _PLAIN_ABROAD.fullmatch(value) is None:
            return False
    return len(value) < _SHORTEST or _WORD not in value.lower()


def screen(value: str, classes: Iterable[str]) -> Finding | None:
    """The first finding in `value`, in the order of `classes`."""
    if is_plain(value):
        return None
    text = decoded(value)
    for kind in classes:
        rule = FINDERS[kind](text)
        if rule is not None:
            return Finding(kind, rule)
    return None
