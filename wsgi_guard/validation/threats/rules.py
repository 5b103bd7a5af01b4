"""How rules are tried on a value: each only where its words are, and all of a request within a budget. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from wsgi_guard.recent import Recent

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
# Mixtures of words of which it is known which rules they may match.
_MIXTURES = 256
# What rules cost, in nanoseconds: a trial, a place of a word; a hundred characters that are asked for a sign, or for a
# pattern of words, or for a pattern that begins with a letter, another sign, or neither.
_TRIAL, _PLACE, _SIGN, _PATTERN = 400, 250, 60, 1_000
_LETTER, _LITERAL, _ANY = 120, 250, 1_000


class Rule(NamedTuple):
    """Patterns, the score of a match, words of which a text that matches holds one, and how far from it they read.

    `counted` is what stands where a word is not enough; it begins with a literal and is fast. `cost` is what patterns
    cost for 100 characters.
    """

    name: str
    score: int
    reach: int
    words: tuple[str, ...]
    counted: re.Pattern[str] | None
    patterns: tuple[re.Pattern[str], ...]
    cost: int


class Around(NamedTuple):
    """A pattern around which a rule looks, and words of which a text that it matches holds one."""

    pattern: re.Pattern[str]
    words: tuple[str, ...]


def rule(name: str, score: int, reach: int, words: tuple[str, ...] | Around, *alternatives: str) -> Rule:
    """A rule that matches where one of `alternatives` does, each at most `reach` characters from a word."""
    patterns = [one for alternative in alternatives for one in leading(alternative)]
    counted = words.pattern if isinstance(words, Around) else None
    words = words.words if isinstance(words, Around) else words
    return Rule(name, score, reach, words, counted, tuple(map(re.compile, patterns)), sum(map(_cost, patterns)))


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
        self._looks = tuple(map(look, rules))
        signs = sum(len(split(one.words)[1]) for one in rules if one.counted is None)
        self._cost = signs * _SIGN + len({one.counted for one in rules if one.counted is not None}) * _PATTERN
        self._bits = reduce(or_, (one.bits for one in self._looks), 0)
        self._signs = WORDS.signs(word for one in rules for word in one.words)
        # Which rules some words may match.
        self._tried: Recent[int, tuple[Look, ...]] = Recent(_MIXTURES)
        self.all = rules

    def strongest(self, view: str, budget: Budget, prose: int = 1) -> Hit | None:
        """The hit with the highest score; None when no rule matches."""
        size = len(view)
        budget.spend(size * self._cost // 100)
        present = (WORDS.within(view, budget) | self._signs.within(view)) & self._bits
        if not present:
            return None
        looks = self._tried.get(present)
        if looks is None:
            looks = tuple(one for one in self._looks if one.bits & present)
            self._tried.put(present, looks)
        best: Hit | None = None
        matched: dict[re.Pattern[str], list[int]] = {}
        for _, words, one in looks:
            if best is not None and one.score <= best.score:
                continue
            if one.counted is None:
                where = places(view, [word for word, bit in words if bit & present], one.reach, budget)
            else:
                if one.counted not in matched:
                    matched[one.counted] = [found.start() for found in one.counted.finditer(view)]
                    budget.spend(len(matched[one.counted]) * _PLACE)
                where = _around(matched[one.counted], size, one.reach)
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
    """A rule, and the bits of all its words together and each with its own."""

    bits: int
    words: tuple[tuple[str, int], ...]
    rule: Rule


def look(one: Rule) -> Look:
    words = tuple((word, WORDS.add(word)) for word in one.words)
    return Look(reduce(or_, (bit for _, bit in words), 0), words, one)


def places(view: str, words: Sequence[str], reach: int, budget: Budget) -> Iterator[tuple[int, int]]:
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
