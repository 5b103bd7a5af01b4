"""Who holds which connection of a pool, since when and from which line: for leaks, and for when there are none left."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from .caller import Stack, lines, stack

MOST = 5
"""Holders named in one message."""


class Hold(NamedTuple):
    """One connection in somebody's hands, since a time of the monotonic clock."""

    request_id: str | None
    since: float
    stack: Stack

    @property
    def who(self) -> str:
        return f"request {self.request_id}" if self.request_id else "code outside requests"


class Overdue(NamedTuple):
    """A connection that was held too long: by whom, for how many seconds, the lines that took it."""

    who: str
    request_id: str | None
    seconds: float
    lines: list[str]
    doing: str


class Holders:
    """Written by any thread; a dict of which single items are put in and taken out needs no lock."""

    def __init__(self, doing: Callable[[Any], str]) -> None:
        # The values are what a Hold is made of: making one costs as much as all else here.
        self._holds: dict[Any, tuple[str | None, float, Stack]] = {}
        self._told: dict[Any, float] = {}
        self._doing = doing
        self.leaks = 0
        self.seconds = 0.0

    def __len__(self) -> int:
        return len(self._holds)

    def take(self, conn: Any, request_id: str | None, now: float) -> None:
        self._holds[conn] = (request_id, now, stack())

    def give(self, conn: Any, now: float) -> None:
        hold = self._holds.pop(conn, None)
        if hold is not None:
            self.seconds += now - hold[1]
            if self._told:
                self._told.pop(conn, None)

    def _longest_first(self) -> list[tuple[Any, Hold]]:
        # Copied in one step, for others take and give meanwhile.
        found = [(conn, Hold(*hold)) for conn, hold in list(self._holds.items())]
        return sorted(found, key=lambda item: item[1].since)

    def describe(self) -> str:
        """The holders in words, the longest first."""
        now = monotonic()
        found = self._longest_first()
        if not found:
            return "nobody holds one"
        words = [
            f"{hold.who} for {now - hold.since:.1f} s from {next(iter(lines(hold.stack)), 'an unknown place')}"
            f" (last statement: {self._doing(conn)})"
            for conn, hold in found[:MOST]
        ]
        more = [f"{len(found) - MOST} more"] if len(found) > MOST else []
        return f"{len(found)} held, by " + "; ".join(words + more)

    def overdue(self, limit: float) -> list[Overdue]:
        """Those held for longer than `limit` seconds that were not told before; each is told once."""
        now, found = monotonic(), []
        for conn, hold in self._longest_first():
            if now - hold.since < limit or self._told.get(conn) == hold.since:
                continue
            self._told[conn] = hold.since
            self.leaks += 1
            seconds = now - hold.since
            found.append(Overdue(hold.who, hold.request_id, seconds, lines(hold.stack), self._doing(conn)))
        return found

    def now(self) -> list[dict[str, Any]]:
        """All holders as JSON can say them, the longest first."""
        now = monotonic()
        found = self._longest_first()
        return [
            {
                "request_id": hold.request_id, "seconds": round(now - hold.since, 3),
                "leak": self._told.get(conn) == hold.since, "stack": lines(hold.stack),
                "last_statement": self._doing(conn),
            }
            for conn, hold in found
        ]  # fmt: skip
