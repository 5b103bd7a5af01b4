"""How full the pools of a host are: what each of its processes says of its own, put together for the one that checks.

Copies numbers that stand there; nobody queues for a connection, and no server is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING

from .stats import saturation

if TYPE_CHECKING:
    from wsgi_guard.board import Board

    from .pool import Pool

RECENT = 10.0
"""Seconds for which another process is believed, twice what the slowest takes to speak again: then it is gone."""


class Saturation:
    """`board` is where the processes of a host tell each other; without one each knows of itself alone."""

    def __init__(self, pools: Mapping[str, Pool], board: Callable[[], Board | None] = lambda: None) -> None:
        self._pools = pools
        self._board = board
        # Two guards of a process share its row.
        self._page = "pools " + " ".join(sorted(pools))

    def tell(self) -> None:
        """Has the other processes know; to be called about once a second."""
        board = self._board()
        row = board.join() if board is not None else None
        if row is not None:
            told = {name: saturation(pool) for name, pool in self._pools.items()}
            row.pages[self._page] = {"at": monotonic(), **told}
            row.write(dict(row.pages))

    def of(self, name: str) -> dict[str, float]:
        """Sums over all processes; `used_percent` is that of the fullest."""
        return together([saturation(self._pools[name]), *self._others(name)])

    def _others(self, name: str) -> Iterator[Mapping[str, float]]:
        board = self._board()
        row = board.join() if board is not None else None
        for page in row.others() if row is not None else ():
            told = page.get(self._page, {})
            if monotonic() - told.get("at", -RECENT) < RECENT and name in told:
                yield told[name]


def together(told: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in told:
        for measure, value in one.items():
            before = found.get(measure, 0)
            found[measure] = max(before, value) if measure.endswith("_percent") else before + value
    return found
