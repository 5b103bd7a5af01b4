"""How the rules of a class are tried: in order, each on the view it is written for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

Rules = tuple[tuple[str, re.Pattern[str]], ...]
NOWHERE: Mapping[str, str] = {}


def first_match(rules: Rules, view: str, elsewhere: Mapping[str, str] = NOWHERE) -> str | None:
    """The name of the first rule found in `view`, or in the view that `elsewhere` gives for its name; else None."""
    for name, pattern in rules:
        if pattern.search(elsewhere.get(name, view)):
            return name
    return None
