"""Of what is too long and dense to try all rules on: its ends, and what stands around its telling spots. Pure.

Spots of a rare kind come first, and of one kind those that differ, all over the text: so neither many of one kind nor
many in front hide another. Texts of one request are looked through together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from operator import add
from typing import NamedTuple

from .budget import Budget
from .edges import EDGES
from .spots import PRICE, Kinds, spots

# Less than this is looked at as a whole.
LONG = 3_000
# What is kept of both ends, where what begins or ends a value shows, and around a spot.
_HEAD, _TAIL, _BEFORE, _AFTER = 500, 250, 140, 240
# Around spots so much is looked at, and more for each character of the text.
_ROOM, _SHARE, _MOST = 1_500, 32, 8_000
# What a character costs that all rules are tried on, at most mostly.
_LOOK = 400
# Spots of one kind are the same if they go on the same for so long.
_SAME = 48
# What stands between texts that are looked through together.
BETWEEN = "\x01\x02"
_FENCE = "```"


class Sifted(NamedTuple):
    """What is to be looked at of a text, and whether that is all that tells."""

    text: str
    complete: bool


def sifted(text: str, budget: Budget) -> Sifted:
    """What is left of decoded, lower-case `text`."""
    if len(text) <= LONG:
        return Sifted(text, True)
    kinds, _, whole = _spots(text, _affordable(len(text), budget), budget)
    return _left(text, kinds, budget, whole)


def telling(texts: Sequence[str], joined: str, budget: Budget) -> tuple[dict[int, Sifted], bool]:
    """Which of decoded, lower-case `texts` tell most, in this order, and what is left of each; those that are long are
    among them. And whether all could be looked through, so that the others tell nothing.

    `joined` is all of them, with `BETWEEN` around each."""
    gap = len(BETWEEN)
    # What stands directly in front of a text is a place of it.
    ends = list(map(add, accumulate(map(len, texts)), range(2 * gap - 1, gap * (len(texts) + 2), gap)))
    kinds, further, whole = _spots(joined, _affordable(len(joined), budget), budget, EDGES)
    ordered = (*sorted(kinds, key=len), *sorted(further, key=len))
    if max(map(len, texts)) <= LONG:
        seen: dict[int, None] = {}
        for places in ordered:
            seen.update(dict.fromkeys(map(bisect_right, repeat(ends), _distinct(joined, places))))
        return {at: Sifted(texts[at], True) for at in seen if at < len(texts)}, whole
    found: dict[int, list[list[int]]] = {}
    for places in ordered:
        within: dict[int, list[int]] = {}
        for place in _distinct(joined, places):
            at = min(bisect_right(ends, place), len(texts) - 1)
            within.setdefault(at, []).append(max(place - ends[at] + 1 + len(texts[at]), 0))
        for at, own in within.items():
            found.setdefault(at, []).append(own)
    found.update({at: [] for at, text in enumerate(texts) if len(text) > LONG and at not in found})
    return {at: _left(texts[at], own, budget, whole) for at, own in found.items()}, whole


def _left(text: str, kinds: list[list[int]], budget: Budget, whole: bool) -> Sifted:
    if len(text) <= LONG:
        return Sifted(text, True)
    chosen, complete = _chosen(text, kinds, budget)
    return Sifted(_pieces(text, chosen), complete and whole)


def _spots(
    text: str, stretches: list[tuple[int, int]], budget: Budget, further: Kinds | None = None
) -> tuple[list[list[int]], list[list[int]], bool]:  # fmt: skip
    """The places of each kind in these stretches, those of `further` kinds, and whether that is everywhere."""
    found = [(start, spots(text[start:end], budget, further)) for start, end in stretches]
    kinds = [[start + at for at in places] for start, one in found for places in one.kinds.values() if places]
    besides = [[start + at for at in places] for start, one in found for places in one.further.values() if places]
    return kinds, besides, len(found) == 1 and found[0][1].all


def _affordable(length: int, budget: Budget) -> list[tuple[int, int]]:
    """What of a text of that length is paid for: all of it, or so much of its beginning and end."""
    most = max(budget.sieve, 0) // PRICE
    if length <= most:
        return [(0, length)]
    return [(0, most * 2 // 3), (length - most // 3, length)]


def _chosen(text: str, kinds: list[list[int]], budget: Budget) -> tuple[list[int], bool]:
    """Places in `text` for which there is room, the most telling first, and whether there is for all that differ."""
    room = min(_ROOM + len(text) // _SHARE, _MOST, budget.left // _LOOK)
    chosen: list[int] = []
    complete = True
    # Of spots in one stretch only the first needs room.
    taken: set[int] = set()
    for places in sorted(kinds, key=len):
        for at in _distinct(text, places):
            stretch = at // _AFTER
            if stretch not in taken:
                if room <= 0:
                    complete = False
                    continue
                room -= _BEFORE + _AFTER
                taken.add(stretch)
            chosen.append(at)
    return chosen, complete


def _distinct(text: str, places: list[int]) -> Iterable[int]:
    """The places that differ, so that the first few of them stand all over the text, the last first."""
    differ = sorted({text[max(at - 8, 0) : at + _SAME]: at for at in reversed(places)}.values())
    seen = dict.fromkeys(differ[-1:])
    step = 1 << len(differ).bit_length()
    while step:
        seen.update(dict.fromkeys(differ[::step]))
        step //= 2
    return seen


def _pieces(text: str, places: list[int]) -> str:
    """Both ends of `text` and what stands around `places`."""
    pieces = [(0, _HEAD), *((max(at - _BEFORE, 0), at + _AFTER) for at in places), (len(text) - _TAIL, len(text))]
    return " ".join(_shown(text, start, end) for start, end in _joined(pieces))


def _joined(pieces: list[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    pieces.sort()
    start, end = pieces[0]
    for other, behind in pieces[1:]:
        if other > end:
            yield start, end
            start = other
        end = max(end, behind)
    yield start, end


def _shown(text: str, start: int, end: int) -> str:
    """A piece; one that stands in a block of code still does."""
    piece = text[start:end]
    return f"{_FENCE}\n{piece}\n{_FENCE}" if text.count(_FENCE, 0, start) % 2 and _FENCE in text[end:] else piece
