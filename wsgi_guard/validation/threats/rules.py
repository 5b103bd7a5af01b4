"""How rules are tried on a value: each only where its words are, and all of a request within a budget. Pure.

A crafted value costs no more than its length allows: what is left when the budget is spent is not looked at, and that
is a finding of its own ("crowded"). Honest requests stay far below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .evidence import Hit, better, hit

# Views up to this length are searched as a whole, longer ones this far around each word of a rule.
WHOLE, REACH = 1_500, 600
# Of words closer together than this one is enough: what is around it is looked at anyway.
_STEP = 64
# What trying a rule costs beside the characters it reads, in characters (measured: about 1 µs against 20 ns).
_TRIAL = 50
# A budget in characters that rules may read: so much for any request, and so many times its length.
_FLOOR, _FACTOR = 200_000, 5
CROWDED = Hit("crowded", 5, "")


class Budget:
    """What may still be spent on looking, in characters."""

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        self.left = _FLOOR + _FACTOR * size

    def spend(self, characters: int) -> bool:
        """Whether that much was left."""
        self.left -= characters + _TRIAL
        return self.left > 0


# Words, or a pattern that begins with a literal and is fast.
Words = tuple[str, ...] | re.Pattern[str]


class Rule(NamedTuple):
    """A pattern, the score of its match, and words of which a text that matches holds one."""

    name: str
    score: int
    words: Words
    pattern: re.Pattern[str]


def rule(name: str, score: int, words: Words, *alternatives: str) -> Rule:
    """A rule that matches where one of `alternatives` does."""
    return Rule(name, score, words, re.compile("|".join(alternatives)))


def strongest(view: str, rules: Iterable[Rule], budget: Budget, prose: int = 1) -> Hit | None:
    """The hit with the highest score; CROWDED when the budget ends before it is known."""
    best: Hit | None = None
    for one in rules:
        if best is not None and one.score <= best.score:
            continue
        for start, end in places(view, one.words):
            if not budget.spend(end - start):
                return better(best, CROWDED)
            found = one.pattern.search(view, start, end)
            if found is not None:
                best = better(best, hit(one.name, one.score, view, found.start(), found.end(), prose))
                break
    return best


def places(view: str, words: Words) -> Iterator[tuple[int, int]]:
    """Where in `view` a rule with these words may match: all of it, or around each word."""
    length = len(view)
    if length > WHOLE:
        for positions in _positions(view, words):
            yield from _merged(positions, length)
    elif words.search(view) if isinstance(words, re.Pattern) else any(word in view for word in words):
        yield 0, length


def _positions(view: str, words: Words) -> Iterator[Iterator[int]]:
    if isinstance(words, re.Pattern):
        yield (found.start() for found in words.finditer(view))
    else:
        yield from (_finds(view, word) for word in words)


def _finds(view: str, word: str) -> Iterator[int]:
    at = view.find(word)
    while at >= 0:
        yield at
        at = view.find(word, at + _STEP)


def _merged(positions: Iterable[int], length: int) -> Iterator[tuple[int, int]]:
    """Pieces of a text of that length around the positions, each character in one piece at most."""
    start = end = -1
    for at in positions:
        if at - REACH > end:
            if end >= 0:
                yield start, end
            start = max(0, at - REACH)
        end = min(length, at + REACH)
    if end >= 0:
        yield start, end
