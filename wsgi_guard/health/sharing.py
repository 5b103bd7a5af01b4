"""How the processes of a host share what one of them finds: who watches, what it last knew, in words of JSON.

Who watches holds a lock that the kernel takes back at its death, so that another is elected within a second. What it
knows stands in shared memory; processes whose checks are others (a reload changed them) do not read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from .decide import Check, Reading, Result, Seen, Standing
from .trend import Trend

if TYPE_CHECKING:
    from wsgi_guard.board import Board, Row

POLL = 1.0
"""Seconds between two looks of those who do not watch: at what was found, and whether the place has become free."""
BEAT = 5.0
"""Seconds after which who watches says that it still does, also without news."""
LOST = 4 * BEAT
"""Seconds without a word from who watches until the others help themselves: it lives, but it is stuck."""


class Told(NamedTuple):
    """`at` is on the monotonic clock, which all processes of a host share."""

    at: float
    seen: dict[str, Seen]


class Post:
    """One process's view of the place that one process of a host may hold."""

    def __init__(self, board: Board, checks: Mapping[str, Check]) -> None:
        self._board = board
        self._row: Row | None = None
        # Any difference in what is declared counts: a result of another check of the same name says nothing here.
        self._print = crc32(repr(sorted(checks.items())).encode())

    @property
    def held(self) -> bool:
        return self._row is not None

    def take(self) -> bool:
        """True when this process holds the place now."""
        if self._row is None:
            self._row = self._board.join()
        return self._row is not None

    def read(self) -> Told | None:
        """What was told of these checks last, by any process; None when it was of others or there is nothing."""
        row = self._board.read(0)
        if row.get("print") != self._print:
            return None
        return Told(row["at"], {name: loaded(seen) for name, seen in row["seen"].items()})

    def tell(self, seen: Mapping[str, Seen], now: float) -> bool:
        """False when it did not fit; the others then help themselves."""
        if self._row is None:
            return False
        return self._row.write(
            {"print": self._print, "at": now, "seen": {name: dumped(one) for name, one in seen.items()}}
        )


def dumped(seen: Seen) -> list[Any]:
    result = seen.result
    told = None if result is None else [*astuple(result.reading), result.at, result.time, result.took]
    return [told, seen.since, list(astuple(seen.standing)), seen.trend.dump() if seen.trend else None]


def loaded(told: list[Any]) -> Seen:
    result, since, standing, trend = told
    return Seen(
        None if result is None else Result(Reading(*result[:3]), *result[3:]),
        since,
        Standing(*standing),
        None if trend is None else Trend.load(trend),
    )
