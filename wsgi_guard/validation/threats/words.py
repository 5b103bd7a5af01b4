"""Which words of rules a text may hold, by one pass over its runs of letters. Pure but for what it remembers.

A rule is tried only where one of its words is. Asking for each word of each rule would cost more than the rules.
"""

from __future__ import annotations

import re

from wsgi_guard.recent import Recent

from .budget import Budget

_RUN = re.compile(r"[a-z]{2,}+")
# Runs of letters of which it is known what words they hold, and the longest that are kept; texts repeat theirs.
_REMEMBERED, _LONGEST = 8_192, 16
# What a look at runs costs: a character, a run, a word held against new runs.
_CHARACTER, _KNOWN, _ASKED = 12, 100, 40


def holds(text: str, words: tuple[str, ...]) -> bool:
    """Whether `text` holds one of `words`."""
    for word in words:  # noqa: SIM110 (a third of what a generator costs, and every value pays it)
        if word in text:
            return True
    return False


def split(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The longest run of letters of each word that has one, and the words that have none."""
    runs = [max(_RUN.findall(word), key=len, default="") for word in words]
    return tuple(filter(None, runs)), tuple(word for word, run in zip(words, runs, strict=True) if not run)


class Words:
    """Runs of letters by numbers: bit n of what `within` returns stands for what was added as the n-th."""

    def __init__(self) -> None:
        self._bits: dict[str, int] = {}
        self._count = 0
        self._known: Recent[str, int] = Recent(_REMEMBERED)

    def add(self, words: tuple[str, ...]) -> int:
        """The bit that stands for any of `words`, which are letters only."""
        bit = 1 << self._count
        self._count += 1
        for word in words:
            self._bits[word] = self._bits.get(word, 0) | bit
        return bit

    def within(self, text: str, budget: Budget) -> int:
        """The bits of all whose words `text` holds.

        Views of a value are often the same text, so what was found last is kept in `budget`.
        """
        if budget.text != text:
            budget.present = self._within(text, budget)
            budget.text = text
        return budget.present

    def _within(self, text: str, budget: Budget) -> int:
        runs = set(_RUN.findall(text))
        budget.spend(len(text) * _CHARACTER + len(runs) * _KNOWN)
        found, known, new = 0, self._known, []
        for run in runs:
            bits = known.get(run)
            if bits is None:
                new.append(run)
            else:
                found |= bits
        return found | self._learn(new, budget) if new else found

    def _learn(self, runs: list[str], budget: Budget) -> int:
        """The bits of runs that were not met before, which from now on are known."""
        joined = " ".join(runs)
        budget.spend(len(self._bits) * (len(joined) // 2 + _ASKED))
        each = dict.fromkeys(runs, 0)
        for word, bits in self._bits.items():
            if word in joined:
                budget.spend(len(runs) * _ASKED)
                for run in runs:
                    if word in run:
                        each[run] |= bits
        found = 0
        for run, bits in each.items():
            found |= bits
            if len(run) <= _LONGEST:
                self._known.put(run, bits)
        return found
