"""Apostrophes as people write them, in O'Brien's and don't. Pure."""

from __future__ import annotations

import re

from .sqltokens import KEYWORDS

# Inside a word: a letter in front (looked at second, as a sign is found faster), and the letters that go on.
_APOSTROPHE = re.compile(r"'(?<=[a-z]')([a-z]++)(?!')", re.A | re.I)


def without_apostrophes(value: str) -> str | None:
    """`value` without them if each stands in a word and ends none; None where one may be a quote.

    A text that is quoted ends at such a quote, and what follows is no word with which SQL goes on.
    """
    words = _APOSTROPHE.findall(value)
    if len(words) != value.count("'") or not KEYWORDS.isdisjoint(map(str.lower, words)):
        return None
    return value.replace("'", "")
