"""Who holds which connection of a pool, since when and from which line: for leaks, and for when there are none left."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from .caller import Stack, lines, stack

MOST = 5
"""Holders named in one message."""


class Hold:
    """One connection in somebody's hands."""

    __slots__ = ("request_id", "since", "stack", "told")

    def __init__(self, request_id: str | None, since: float, stack: Stack) -> None:
        self.request_id = request_id
        self.since = since
        self.stack = stack
        self.told = False

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
        self._holds: dict[Any, Hold] = {}
        self._doing = doing
        self.leaks = 0

    def __len__(self) -> int:
        return len(self._holds)

    def take(self, conn: Any, request_id: str | None, now: float) -> None:
        self._holds[conn] = Hold(request_id, now, stack())

    def give(self, conn: Any) -> None:
        self._holds.pop(conn, None)

    def _longest_first(self) -> list[tuple[Any, Hold]]:
        # Copied in one step, for others take and give meanwhile.
        found = list(self._holds.items())
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
        for conn, hold in list(self._holds.items()):
            if hold.told or now - hold.since < limit:
                continue
            hold.told = True
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
                "request_id": hold.request_id, "seconds": round(now - hold.since, 3), "leak": hold.told,
                "stack": lines(hold.stack), "last_statement": self._doing(conn),
            }
            for conn, hold in found
        ]  # fmt: skip
