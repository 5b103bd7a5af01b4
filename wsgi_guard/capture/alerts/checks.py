"""Which changes of checks are worth a message: the first of a failure in a fleet, and that it is over."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from wsgi_guard.changes import FAILING, Change

from . import decide
from .counts import MONTH, Counts
from .notice import Notice

CHANGES = 100
RACE = 1
"""Seconds in which several hosts may find that the same failure is over."""


class Checks:
    """A failure that begins within `cooldown` seconds of the last message is told when they are over, if it lasts."""

    def __init__(self, counts: Counts, cooldown: int) -> None:
        self._counts = counts
        self._cooldown = cooldown
        self._changes: deque[Change] = deque(maxlen=CHANGES)
        # By check, what came too early to be told.
        self._held: dict[str, Change] = {}

    def add(self, change: Change) -> None:
        self._changes.append(change)

    def due(self) -> Iterator[Notice]:
        """What is to be said now. Raises StoreError when it cannot tell; what is not said yet stays."""
        while self._changes:
            notice = self._judged(self._changes[0])
            self._changes.popleft()
            if notice is not None:
                yield notice
        for change in list(self._held.values()):
            notice = self._judged(change)
            if notice is not None:
                yield notice

    def _judged(self, change: Change) -> Notice | None:
        told = self._counts.claimed(_open(change), MONTH)
        if told == (change.state == FAILING):
            # Another host has said it, or nobody was told that it began.
            self._held.pop(change.check, None)
            return None
        claim = (_key(change), self._cooldown) if change.state == FAILING else (f"{_key(change)}:over", RACE)
        if not self._counts.claim(*claim):
            self._held[change.check] = change
            return None
        self._held.pop(change.check, None)
        return self._failing(change) if change.state == FAILING else self._over(change)

    def _failing(self, change: Change) -> Notice | None:
        if not self._counts.claim(_open(change), MONTH):
            return None
        why = f"{change.cause}; affected: {', '.join(change.affected)}" if change.affected else change.cause
        title = f"health check {change.check!r} fails"
        return Notice(decide.FIRST, _key(change), title, _severity(change), "external", 1, 1, why)

    def _over(self, change: Change) -> Notice:
        self._counts.release(_open(change), MONTH)
        title, why = f"health check {change.check!r} passes again", f"after {max(0, change.time - change.since):.0f} s"
        return Notice(decide.RECOVERED, _key(change), title, _severity(change), "external", 0, 0, why)


def _key(change: Change) -> str:
    return f"check:{change.check}"


def _open(change: Change) -> str:
    return f"check:{change.check}:open"


def _severity(change: Change) -> str:
    return "CRITICAL" if change.tier == "ready" else "ERROR"
