"""LDAP injection: a value that closes its filter and opens another (RFC 4515)."""

from __future__ import annotations

import re

from .budget import Budget
from .evidence import Hit, hit
from .words import holds

HINTS = ("*", "(", ")", "\\2")

_ESCAPE = re.compile(r"\\(2[0-9a-f]|3[cde]|7c|5c|00)")
_NAME = r"(?:uid|cn|sn|mail|objectclass|userpassword|samaccountname)"
# What a value that breaks out begins with is a name or an address.
_VALUE = r"[\w .*@,=+'\"&-]*+"
_RULES = (
    ("breakout", re.compile(
        rf"{_VALUE}\)++ ?(?:\( ?[|&!](?: ?[)(]| ?$| ?[a-z][a-z-]{{0,30}}[~<>:]?=)"
        r"|\( ?(?:[a-z][a-z-]{1,30}|\*)[~<>:]?=|[|&!] ?\()"
    ), 6),
    ("breakout", re.compile(r"[\w .*@,=+-]*?\*\)+ ?(?:\(|[&|!] ?\(|\x00)|[\w.@-]*+\*++\){2,}+$"), 6),
    ("any-object", re.compile(rf"[^=]*+objectclass ?= ?\*|[^=]{{0,60}}[|&!)*] ?\({_NAME}=\*\)"), 5),
    ("signs", re.compile(r"(?=[^*]*\*)(?=[^(]*\()(?=[^)]*\))(?=[^|]*\|)(?=[^&]*&)[*()|&!]{5,12}['\"]?$"), 5),
    ("closed", re.compile(r"[\w.@-]*+\*++\)$"), 3),
    ("nested", re.compile(r"\*\(?[|&]\([a-z]{1,20}=\*?|^\*+\(\||^[&|]\([a-z]{1,20}="), 5),
)  # fmt: skip


# In a text of any kind: a group that was open is closed, and one of filters begun.
_ANYWHERE = re.compile(r"\)(?<=[\w*]\))\)*+\([|&]\([a-z][a-z-]{1,30}[~<>:]?=(?!=)|\)(?<=[\w*]\))\)*+\x00")


def find(text: str, budget: Budget) -> Hit | None:
    """The strongest evidence in decoded, lower-case `text`; None when there is none."""
    if not holds(text, HINTS):
        return None
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    for name, pattern, score in _RULES:
        found = pattern.match(text)
        if found is not None:
            return hit(name, score, text, max(found.end() - 30, 0), found.end())
    found = _ANYWHERE.search(text)
    return hit("breakout", 6, text, found.start(), found.end()) if found is not None else None
