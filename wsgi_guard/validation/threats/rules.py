"""How rules are tried on a value: each only where its words are, and all of a request within a budget. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import NamedTuple

from .budget import Budget
from .evidence import Hit, better, hit
from .leading import leading
from .words import Words, holds, split

# Around each of its words a rule looks this far, if it says nothing else. Views that are not longer than this many
# times that are searched as a whole.
REACH = 600
_WHOLE = 3
# Of words closer together than this one is enough: what is around it is looked at anyway.
_STEP = 64
# Matches of a rule that are weighed, if all that came before are quotations.
_QUOTED = 4
# What rules cost, in nanoseconds: a trial, a place of a word; a hundred characters that are asked for a sign, or for a
# pattern of words, or for a pattern that begins with a letter, another sign, or neither.
_TRIAL, _PLACE, _SIGN, _PATTERN = 400, 250, 60, 1_000
_LETTER, _LITERAL, _ANY = 120, 250, 1_000


class Rule(NamedTuple):
    """Patterns, the score of a match, words of which a text that matches holds one, and how far from it they read.

    Words may be a pattern, which begins with a literal and is fast. `cost` is what patterns cost for 100 characters.
    """

    name: str
    score: int
    reach: int
    words: tuple[str, ...] | re.Pattern[str]
    patterns: tuple[re.Pattern[str], ...]
    cost: int


def rule(
    name: str, score: int, reach: int, words: tuple[str, ...] | re.Pattern[str], *alternatives: str
) -> Rule:
    """A rule that matches where one of `alternatives` does, each at most `reach` characters from a word."""
    patterns = [one for alternative in alternatives for one in leading(alternative)]
    return Rule(name, score, reach, words, tuple(map(re.compile, patterns)), sum(map(_cost, patterns)))


def _cost(pattern: str) -> int:
    if pattern[0] == "^":
        return 0
    if pattern[0].isalnum():
        return _LETTER
    literal = not pattern[1].isalnum() if pattern[0] == "\\" else pattern[0] not in "[(."
    return _LITERAL if literal else _ANY


# The words of all rules.
WORDS = Words()


class Rules:
    """Rules for one kind of view, of which only those are tried whose words are there."""

    def __init__(self, *rules: Rule) -> None:
        self._looks = tuple(look(one) for one in rules)
        signs = sum(len(one.signs) for one in self._looks)
        self._cost = signs * _SIGN + len({one.words for one in rules if isinstance(one.words, re.Pattern)}) * _PATTERN
        self.all = rules

    def strongest(self, view: str, budget: Budget, prose: int = 1) -> Hit | None:
        """The hit with the highest score; None when no rule matches."""
        size = len(view)
        budget.spend(size * self._cost // 100)
        present = WORDS.within(view, budget)
        best: Hit | None = None
        matched: dict[re.Pattern[str], list[int]] = {}
        for bits, words, signs, counted, one in self._looks:
            if best is not None and one.score <= best.score:
                continue
            where: Iterable[tuple[int, int]]
            if counted is not None:
                if counted not in matched:
                    matched[counted] = [found.start() for found in counted.finditer(view)]
                    budget.spend(len(matched[counted]) * _PLACE)
                where = _around(matched[counted], size, one.reach)
            elif bits & present or (signs and holds(view, signs)):
                there = (*(word for word, bit in words if bit & present), *signs)
                where = places(view, there, one.reach, budget)
            else:
                continue
            for start, end in where:
                budget.spend((end - start) * one.cost // 100 + _TRIAL * len(one.patterns))
                found = _strongest(one, view, start, end, prose)
                if found is not None:
                    best = better(best, found)
                    break
        return best


def _strongest(one: Rule, view: str, start: int, end: int, prose: int) -> Hit | None:
    """What a rule finds here: a few matches that count less where they stand do not hide the next."""
    best: Hit | None = None
    for _ in range(_QUOTED):
        match = _first(one.patterns, view, start, end)
        if match is None:
            break
        best = better(best, hit(one.name, one.score, view, match.start(), match.end(), prose))
        if best is None or best.score == one.score:
            break
        start = max(match.end(), start + 1)
    return best


def _first(patterns: tuple[re.Pattern[str], ...], view: str, start: int, end: int) -> re.Match[str] | None:
    """What matches first in the text, of all that match."""
    first: re.Match[str] | None = None
    for pattern in patterns:
        found = pattern.search(view, start, end)
        if found is not None and (first is None or found.start() < first.start()):
            first = found
    return first


class Look(NamedTuple):
    """A rule, the bits of all its words together and each with its own, those that are signs, or the pattern of all."""

    bits: int
    words: tuple[tuple[str, int], ...]
    signs: tuple[str, ...]
    counted: re.Pattern[str] | None
    rule: Rule


def look(one: Rule) -> Look:
    if isinstance(one.words, re.Pattern):
        return Look(0, (), (), one.words, one)
    letters, signs = split(one.words)
    words = tuple((word, WORDS.add(word)) for word in letters)
    return Look(reduce(or_, (bit for _, bit in words), 0), words, signs, None, one)


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
