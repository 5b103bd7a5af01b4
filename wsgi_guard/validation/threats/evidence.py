"""What speaks for an attack, and how much: hits with scores, and what the text around one takes from it. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

# Level -> score that a hit needs. Five is what can be known with near certainty; what scores less has been met in
# honest text too, and is for those who would rather look at false alarms.
THRESHOLDS = {1: 5, 2: 3, 3: 2}
# Words in front of an attack that make it a quotation rather than a value meant for a database or a shell.
_MANY = 5
# How far back a text is looked at for what stands around a hit.
_BEFORE = 400
# Characters of evidence behind a match, and of all of it.
_AFTER, LONGEST = 20, 80
_FENCE = "```"
_TICKS = re.compile(r"`++")
_WORD = re.compile(r"(?<![^\s(])[\w'-]{2,}(?=[\s.,;:!?)])")


class Hit(NamedTuple):
    """A rule that matched, the score of that, and the text it matched, cut short."""

    rule: str
    score: int
    text: str


def hit(rule: str, score: int, view: str, start: int, end: int, prose: int = 1) -> Hit:
    """What `rule` found in `view` between `start` and `end`, as it counts where it stands.

    Behind some words it loses `prose`: nothing for markup, which executes wherever it stands.
    """
    return Hit(rule, score - discount(view, start, prose), view[start : min(end + _AFTER, start + LONGEST)])


def better(one: Hit | None, other: Hit | None) -> Hit | None:
    """The one with the higher score, the first of equals."""
    if one is None or other is None:
        return one or other
    return other if other.score > one.score else one


def discount(view: str, at: int, prose: int) -> int:
    """What a hit at `at` loses since it stands in prose, in a block of code or between backticks.

    Not much, or nobody would leave out some words in front of an attack, or the fence.
    """
    before = view[max(0, at - _BEFORE) : at]
    lost = prose if len(_WORD.findall(before)) >= _MANY else 0
    if view.count(_FENCE, 0, at) % 2 and _FENCE in view[at:]:
        return lost + 3
    return lost + (3 if _is_code(before.rpartition("\n")[2], view[at : at + _BEFORE].partition("\n")[0]) else 0)


def _is_code(before: str, after: str) -> bool:
    """Whether a hit stands between backticks in a line that goes on outside of them."""
    # One or more in a row open or close.
    if len(_TICKS.findall(before)) % 2 == 0 or "`" not in after:
        return False
    return bool(before.partition("`")[0].strip() or after.rpartition("`")[2].strip())

