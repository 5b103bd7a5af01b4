"""When each check runs next: at once at the start, then by its interval, never twice at a time.

Pure book-keeping on the seconds it is given; it starts nothing and owns no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
        self._late: set[str] = set()

    def due(self, now: float) -> list[str]:
        """Checks to start now, those of tier `ready` first."""
        names = [name for name, time in self._due.items() if time <= now]
        return sorted(names, key=lambda name: self._checks[name].tier != "ready")

    def began(self, name: str, now: float) -> None:
        """In flight from here: not due until it has ended."""
        del self._due[name]
        self._began[name] = now

    def ended(self, name: str, now: float) -> None:
        check = self._checks[name]
        wanted = self._began.pop(name) + check.interval * (1 - JITTER + 2 * JITTER * self._random())
        self._late.discard(name)
        self._due[name] = max(wanted, now + min(REST, check.interval))

    def overdue(self, now: float) -> list[str]:
        """Checks in flight for longer than they may, each told once a run."""
        late = [name for name, time in self._began.items() if now - time >= self._checks[name].timeout]
        fresh = [name for name in late if name not in self._late]
        self._late.update(fresh)
        return fresh

    def next(self, now: float) -> float | None:
        """Seconds to the next moment at which something is due or overdue, None while nothing can be."""
        times = [*self._due.values()]
        times += [time + self._checks[name].timeout for name, time in self._began.items() if name not in self._late]
        return max(min(times) - now, 0.0) if times else None
