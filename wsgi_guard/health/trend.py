"""How a check did of late: the share of its runs that did not fail over three spans, and how long they took.

Bounded whatever the interval: three spans of sixty slots and a hundred durations, about 25 KiB for a check at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SPANS = {"5m": 300, "1h": 3600, "24h": 86400}
SLOTS = 60
"""Slots of a span: what a span says is right to a sixtieth of it."""
DURATIONS = 100
"""Durations kept: 50 minutes of the default interval, and p95 rests on five of them."""

Slot = list[int]


class Trend:
    """`at` and `now` are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._slots: dict[str, list[Slot]] = {name: [] for name in SPANS}
        self._took: list[float] = []

    def add(self, at: float, took: float, *, failed: bool) -> None:
        for name, span in SPANS.items():
            slots, number = self._slots[name], int(at * SLOTS // span)
            if not slots or slots[-1][0] < number:
                slots.append([number, 0, 0])
                del slots[:-SLOTS]
            slots[-1][1] += 1
            slots[-1][2] += failed
        self._took.append(took)
        del self._took[:-DURATIONS]

    def availability(self, now: float) -> dict[str, float | None]:
        """Span -> share of its runs that did not fail, 0 to 1; None for a span without a run."""
        return {name: self._share(name, now) for name in SPANS}

    def latency(self) -> tuple[float, float] | None:
        """Seconds that half and 95 % of the last runs took at most; None before the first."""
        ordered = sorted(self._took)
        return (rank(ordered, 50), rank(ordered, 95)) if ordered else None

    def _share(self, name: str, now: float) -> float | None:
        first = int(now * SLOTS // SPANS[name]) - SLOTS
        wanted = [slot for slot in tuple(self._slots[name]) if slot[0] > first]
        runs = sum(slot[1] for slot in wanted)
        return 1 - sum(slot[2] for slot in wanted) / runs if runs else None

    def dump(self) -> list[Any]:
        """What JSON can hold, for `load` in another process of the host."""
        return [self._slots, [round(took, 5) for took in self._took]]

    @classmethod
    def load(cls, dumped: Sequence[Any]) -> Trend:
        made = cls()
        made._slots = {name: list(dumped[0].get(name, [])) for name in SPANS}
        made._took = list(dumped[1])
        return made


def rank(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of what is sorted already."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]
