"""How rules are tried on a value: each only where its words are, and all of a request within a budget. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .budget import Budget
from .evidence import Hit, better, hit
from .words import Words, holds, split

# Around each of its words a rule looks this far, if it says nothing else. Views that are not longer than this many
# times that are searched as a whole.
REACH = 600
_WHOLE = 3
# Of words closer together than this one is enough: what is around it is looked at anyway.
_STEP = 64
# What rules cost, in nanoseconds: a trial and a character of it; a place of a word; a hundred characters that are asked
# for a sign, or for a pattern of words.
_TRIAL, _CHARACTER, _PLACE, _SIGN, _PATTERN = 1_000, 40, 250, 60, 1_000


class Rule(NamedTuple):
    """A pattern, the score of its match, words of which a text that matches holds one, and how far from it it reads.

    Words may be a pattern, which begins with a literal and is fast.
    """

    name: str
    score: int
    reach: int
    words: tuple[str, ...] | re.Pattern[str]
    pattern: re.Pattern[str]


def rule(
    name: str, score: int, reach: int, words: tuple[str, ...] | re.Pattern[str], *alternatives: str
) -> Rule:
    """A rule that matches where one of `alternatives` does, each at most `reach` characters from a word."""
    return Rule(name, score, reach, words, re.compile("|".join(alternatives)))


# The words of all rules.
WORDS = Words()


class Rules:
    """Rules for one kind of view, of which only those are tried whose words are there."""

    def __init__(self, *rules: Rule) -> None:
        self._looks = tuple(_look(one) for one in rules)
        signs = sum(len(signs) for _, signs, _ in self._looks)
        self._cost = signs * _SIGN + len({one.words for one in rules if isinstance(one.words, re.Pattern)}) * _PATTERN
        self.all = rules

    def strongest(self, view: str, budget: Budget, prose: int = 1) -> Hit | None:
        """The hit with the highest score; None when no rule matches."""
        budget.spend(len(view) * self._cost // 100)
        present = WORDS.within(view, budget)
        best: Hit | None = None
        matched: dict[re.Pattern[str], list[int]] = {}
        for bit, signs, one in self._looks:
            if best is not None and one.score <= best.score:
                continue
            if isinstance(one.words, re.Pattern):
                if one.words not in matched:
                    matched[one.words] = [found.start() for found in one.words.finditer(view)]
                    budget.spend(len(matched[one.words]) * _PLACE)
                where: Iterable[tuple[int, int]] = _around(matched[one.words], len(view), one.reach)
            elif bit & present or holds(view, signs):
                where = places(view, one.words, one.reach, budget)
            else:
                continue
            for start, end in where:
                budget.spend((end - start) * _CHARACTER + _TRIAL)
                found = one.pattern.search(view, start, end)
                if found is not None:
                    best = better(best, hit(one.name, one.score, view, found.start(), found.end(), prose))
                    break
        return best


def _look(one: Rule) -> tuple[int, tuple[str, ...], Rule]:
    """A rule with the bit of its words and those of them that are signs."""
    if isinstance(one.words, re.Pattern):
        return 0, (), one
    letters, signs = split(one.words)
    return WORDS.add(letters), signs, one


def places(view: str, words: tuple[str, ...], reach: int, budget: Budget) -> Iterator[tuple[int, int]]:
    """Where in `view` a rule with these words may match: all of it, or around each word."""
    if len(view) <= _WHOLE * reach:
        if holds(view, words):
            yield 0, len(view)
        return
    for word in words:
        yield from _around(_finds(view, word, budget), len(view), reach)


def _finds(view: str, word: str, budget: Budget) -> Iterator[int]:
    at = view.find(word)
    while at >= 0:
        budget.spend(_PLACE)
        yield at
        at = view.find(word, at + _STEP)


def _around(positions: Iterable[int], length: int, reach: int) -> Iterator[tuple[int, int]]:
    """Pieces of a text of that length around the positions, each character in one piece at most."""
    start = end = -1
    for at in positions:
        if at - reach > end:
            if end >= 0:
                yield start, end
            start = max(0, at - reach)
        end = min(length, at + reach)
    if end >= 0:
        yield start, end
