"""Which words and signs of rules a text may hold, by one pass over its runs of letters. Pure but for what it remembers.

A rule is tried only where one of its words is. Asking for each word of each rule would cost more than the rules.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from wsgi_guard.recent import Recent

from .budget import Budget

_RUN = re.compile(r"[a-z]{2,}+")
_LETTERS = bytes(sign if 97 <= sign <= 122 else 32 for sign in range(256))
# Runs of letters of which it is known what words they hold, and the longest that are kept; texts repeat theirs.
_REMEMBERED, _LONGEST = 8_192, 16
# So many new ones are asked for words inside of them, of further ones only whether they are words themselves.
_NEW = 1_000
# Mixtures of signs of which it is known what words they may make.
_MIXTURES = 256
# What a look at runs costs: a character, and a run, which may be new.
_CHARACTER, _KNOWN = 8, 300


def holds(text: str, words: Sequence[str]) -> bool:
    """Whether `text` holds one of `words`."""
    for word in words:  # noqa: SIM110 (a third of what a generator costs, and every value pays it)
        if word in text:
            return True
    return False


def _run(word: str) -> str:
    """The longest run of letters."""
    return max(_RUN.findall(word), key=len, default="")


def split(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that hold letters, and those that hold none."""
    runs = list(map(_run, words))
    return (
        tuple(word for word, run in zip(words, runs, strict=True) if run),
        tuple(word for word, run in zip(words, runs, strict=True) if not run),
    )


class Words:
    """Words by numbers: each bit of what `within` returns stands for the longest run of letters of a word, or for a
    word that has none."""

    def __init__(self) -> None:
        self._count = 0
        self._bits: dict[bytes, int] = {}
        self._known: Recent[bytes, int] = Recent(_REMEMBERED)
        self._signs = Signs()

    def add(self, word: str) -> int:
        """The bit that stands for `word`."""
        run = _run(word).encode()
        known = self._bits.get(run) if run else self._signs.bits.get(word)
        if known is not None:
            return known
        bit = 1 << self._count
        self._count += 1
        if run:
            self._bits[run] = bit
        else:
            self._signs.add(word, bit)
        return bit

    def within(self, text: str, budget: Budget) -> int:
        """The bits of all words that `text` may hold.

        Views of a value are often the same text, so what was found last is kept in `budget`.
        """
        if budget.text != text:
            runs = self._runs(text)
            budget.spend(len(text) * _CHARACTER + len(runs) * _KNOWN)
            budget.present = self._found(runs) | self._signs.within(text)
            budget.text = text
        return budget.present

    def found(self, text: str) -> tuple[int, set[bytes]]:
        """As `within`, of a text that is paid for; and its runs of letters."""
        runs = self._runs(text)
        return self._found(runs) | self._signs.within(text), runs

    def _runs(self, text: str) -> set[bytes]:
        return set(text.encode("ascii", "replace").translate(_LETTERS).split())

    def _found(self, runs: set[bytes]) -> int:
        found, known, new = 0, self._known, []
        for run in runs:
            bits = known.get(run)
            if bits is None:
                new.append(run)
            else:
                found |= bits
        return found | self._learn(new) if new else found

    def _learn(self, runs: list[bytes]) -> int:
        """The bits of runs that were not met before, which from now on are known."""
        each = {run: self._bits.get(run, 0) for run in runs}
        runs = runs[:_NEW]
        joined = b" ".join(runs)
        ends = list(accumulate(len(run) + 1 for run in runs))
        for word, bit in self._bits.items():
            at = joined.find(word)
            while at >= 0:
                place = bisect_right(ends, at)
                each[runs[place]] |= bit
                at = joined.find(word, ends[place])
        found = 0
        for run, bits in each.items():
            found |= bits
            if len(run) <= _LONGEST:
                self._known.put(run, bits)
        return found


class Signs:
    """Words without letters, or with single ones, each with its bit.

    One character is found at once and two together are not, so it is the characters that are looked for first.
    """

    def __init__(self) -> None:
        self.bits: dict[str, int] = {}
        self._single: dict[str, int] = {}
        self._longer: Recent[int, tuple[tuple[str, int], ...]] = Recent(_MIXTURES)

    def add(self, sign: str, bit: int) -> None:
        self.bits[sign] = bit
        for char in sign:
            if not char.isalnum():
                self._single.setdefault(char, 1 << len(self._single))
        self._longer.forget_all()

    def within(self, text: str) -> int:
        """The bits of the signs in `text`."""
        single = 0
        for char, bit in self._single.items():
            if char in text:
                single |= bit
        looked = self._longer.get(single)
        if looked is None:
            looked = tuple((sign, bit) for sign, bit in self.bits.items() if self._possible(sign, single))
            self._longer.put(single, looked)
        found = 0
        for sign, bit in looked:
            if sign in text:
                found |= bit
        return found

    def _possible(self, sign: str, single: int) -> bool:
        return all(char.isalnum() or self._single[char] & single for char in sign)
