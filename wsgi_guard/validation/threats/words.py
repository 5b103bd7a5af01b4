"""Which words and signs of rules a text may hold, by one pass over its runs of letters. Pure but for what it remembers.

A rule is tried only where one of its words is. Asking for each word of each rule would cost more than the rules.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from wsgi_guard.recent import Recent

from .budget import Budget

_RUN = re.compile(r"[a-z]{2,}+")
_LETTERS = bytes(sign if 97 <= sign <= 122 else 32 for sign in range(256))
# Runs of letters of which it is known what words they hold, and the longest that are kept; texts repeat theirs.
_REMEMBERED, _LONGEST = 8_192, 16
# So many new ones are asked for words inside of them, of further ones only whether they are words themselves.
_NEW = 1_000
# Letters of new runs of which each piece is looked up: of more it is faster to look for each word.
_FEW = 20
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
    """Words by numbers: each bit of what `within` returns stands for the longest run of letters of a word, or for one
    that has none and is asked for by `signs`."""

    def __init__(self) -> None:
        self._count = 0
        self._bits: dict[bytes, int] = {}
        self._known: Recent[bytes, int] = Recent(_REMEMBERED)
        self._signs: dict[str, int] = {}

    def add(self, word: str) -> int:
        """The bit that stands for `word`."""
        run = _run(word).encode()
        known = self._bits.get(run) if run else self._signs.get(word)
        if known is not None:
            return known
        bit = 1 << self._count
        self._count += 1
        if run:
            self._bits[run] = bit
        else:
            self._signs[word] = bit
        return bit

    def signs(self, words: Iterable[str]) -> Signs:
        """Those of `words` that have no run of letters."""
        return Signs({word: self.add(word) for word in words if not _run(word)})

    def within(self, text: str, budget: Budget) -> int:
        """The bits of all words with letters that `text` may hold.

        Views of a value are often the same text, so what was found last is kept in `budget`.
        """
        if budget.text != text:
            runs = self.runs(text)
            budget.spend(len(text) * _CHARACTER + len(runs) * _KNOWN)
            budget.present = self.found(runs)
            budget.text = text
        return budget.present

    def runs(self, text: str) -> set[bytes]:
        """The runs of letters in `text`."""
        return set(text.encode("ascii", "replace").translate(_LETTERS).split())

    def found(self, runs: set[bytes]) -> int:
        """As `within`, of runs that are paid for."""
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
        few = sum(map(len, runs)) <= _FEW
        each = {run: self._inside(run) for run in runs} if few else self._among(runs)
        found = 0
        for run, bits in each.items():
            found |= bits
            if len(run) <= _LONGEST:
                self._known.put(run, bits)
        return found

    def _inside(self, run: bytes) -> int:
        """The bits of the words within one run, by looking up each piece of it."""
        found = 0
        for start in range(len(run) - 1):
            for end in range(start + 2, len(run) + 1):
                found |= self._bits.get(run[start:end], 0)
        return found

    def _among(self, runs: list[bytes]) -> dict[bytes, int]:
        """The bits of the words within each of many runs, by looking for each word in all of them together."""
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
        return each


class Signs:
    """Words without letters, or with single ones, each with its bit.

    One character is found at once and two together are not, so it is the characters that are looked for first.
    """

    def __init__(self, bits: dict[str, int]) -> None:
        self._bits = bits
        chars = sorted({char for sign in bits for char in sign if not char.isalnum()})
        self._single = {char: 1 << place for place, char in enumerate(chars)}
        self._longer: Recent[int, tuple[tuple[str, int], ...]] = Recent(_MIXTURES)

    def within(self, text: str) -> int:
        """The bits of the signs in `text`."""
        single = 0
        for char, bit in self._single.items():
            if char in text:
                single |= bit
        looked = self._longer.get(single)
        if looked is None:
            looked = tuple((sign, bit) for sign, bit in self._bits.items() if self._possible(sign, single))
            self._longer.put(single, looked)
        found = 0
        for sign, bit in looked:
            if sign in text:
                found |= bit
        return found

    def _possible(self, sign: str, single: int) -> bool:
        return all(char.isalnum() or self._single[char] & single for char in sign)
