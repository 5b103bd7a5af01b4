"""When each check runs next: at once at the start, then by its interval, never twice at a time.

Pure book-keeping on the seconds it is given; it starts nothing and owns no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .decide import Check

JITTER = 0.1
"""Each interval is drawn from 90 to 110 %, so that the workers of many hosts do not come to a database in step."""

REST = 1.0
"""Seconds from the end of a run to the next, at most one interval: a check slower than its interval never spins."""


class Schedule:
    """`random` returns a float in [0, 1)."""

    def __init__(self, checks: Mapping[str, Check], now: float, random: Callable[[], float]) -> None:
        self._checks = checks
        self._random = random
        self._due = dict.fromkeys(checks, now)
        self._began: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def due(self, now: float) -> list[str]:
        """Checks to start now, those of tier `ready` first."""
        names = [name for name, time in self._due.items() if time <= now]
        return sorted(names, key=lambda name: self._checks[name].tier != "ready")

    def began(self, name: str, now: float) -> None:
        """In flight from here: not due until it has ended."""
        del self._due[name]
        self._began[name] = now

    def ended(self, name: str, now: float) -> bool:
        """False when the run had been told as overdue."""
        check = self._checks[name]
        wanted = self._began.pop(name) + check.interval * (1 - JITTER + 2 * JITTER * self._random())
        self._ended[name] = now
        self._due[name] = max(wanted, now + min(REST, check.interval))
        return self._told.pop(name, None) is None

    def overdue(self, now: float) -> list[str]:
        """Checks in flight for longer than they may; told again after each interval for as long as they hang."""
        late = [name for name in self._began if self._tells(name) <= now]
        self._told.update((name, now) for name in late)
        return late

    def hasten(self, names: Iterable[str], now: float) -> None:
        """Has checks run at once that have had their rest."""
        for name in names:
            if name in self._due:
                rested = self._ended.get(name, now) + min(REST, self._checks[name].interval)
                self._due[name] = min(self._due[name], max(now, rested))

    def next(self, now: float) -> float | None:
        """Seconds to the next moment at which something is due or overdue, None while nothing can be."""
        times = [*self._due.values(), *(self._tells(name) for name in self._began)]
        return max(min(times) - now, 0.0) if times else None

    def _tells(self, name: str) -> float:
        """When a run in flight is to be told as overdue next."""
        check = self._checks[name]
        told = self._told.get(name)
        return self._began[name] + check.timeout if told is None else told + max(check.interval, REST)
