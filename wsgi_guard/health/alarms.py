"""Keeps the books of the checks: their last results and trends, the log line of a failure, the alarms that are due.

Owned by the one thread that watches; `seen` holds immutable values, and a trend that only grows.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from wsgi_guard.changes import FAILING, Change, Listener

from . import standing
from .decide import FAIL, NOTHING, Check, Result, Seen, ancestors, overdue
from .trend import Trend

logger = logging.getLogger("wsgi_guard.health")


class Alarms:
    """`fresh` is set by whatever is worth telling the other processes."""

    def __init__(self, checks: Mapping[str, Check], listeners: Sequence[Listener]) -> None:
        self.seen: dict[str, Seen] = dict.fromkeys(checks, NOTHING)
        self.fresh = True
        self._checks = checks
        self._listeners = listeners
        self._above = {name: ancestors(name, checks) for name in checks}
        self._failing: set[str] = set()

    def adopt(self, told: Mapping[str, Seen], keep: Collection[str], at: float, *, died: bool) -> None:
        """Takes over what another process knew `at` a time, but for checks in `keep`.

        If it has died, so did its runs in flight. One that was not overdue then may have ended since.
        """
        for name, check in self._checks.items():
            if name in told and name not in keep:
                flies = not died and overdue(check, told[name], at)
                self.seen[name] = told[name] if flies else replace(told[name], since=None)
        self._failing = {name for name, one in self.seen.items() if one.result and one.result.reading.status == FAIL}

    def add(self, name: str, result: Result, *, counts: bool, keep: bool) -> None:
        """One more result; `keep` leaves the last finished one in place, as the run that hangs has not ended."""
        before = self.seen[name]
        failed = result.reading.status == FAIL
        trend, stands = before.trend or Trend(), before.standing
        if counts:
            trend.add(result.at, result.took, failed=failed)
            needs = [self.seen[need].standing for need in self._above[name]]
            blocked = standing.blocked(needs, result.at - result.took)
            stands = standing.after(stands, failed, result.at, result.time, blocked=blocked)
        self.seen[name] = replace(before, result=before.result if keep else result, standing=stands, trend=trend)
        self.fresh = True
        self._note(name, failed, result.reading.cause)

    def tell(self, now: float, time: float) -> None:
        """Tells what has changed for good, roots of failures only."""
        standings = {name: one.standing for name, one in self.seen.items()}
        # A run in flight for too long was looked at just now: it fails.
        looked = {name: _looked(one, now) for name, one in self.seen.items()}
        for name, check in self._checks.items():
            state = standing.change(check, standings, self._above[name], looked)
            if state:
                own = standings[name]
                self.seen[name] = replace(self.seen[name], standing=replace(own, told=state == FAILING))
                affected = tuple(sorted(other for other, above in self._above.items() if name in above))
                self._listen(Change(name, state, self._cause(name), own.since, time, check.tier, affected))

    def _cause(self, name: str) -> str:
        seen = self.seen[name]
        if seen.since is not None and seen.standing.failures:
            return "timed out"
        if seen.standing.flaps:
            return "comes and goes"
        return seen.result.reading.cause if seen.result else ""

    def _listen(self, change: Change) -> None:
        for listener in self._listeners:
            try:
                listener(change)
            except Exception as error:
                logger.error("check %r is %s, but who is to know raised %s", change.check, change.state,
                             type(error).__name__)  # fmt: skip

    def _note(self, name: str, failing: bool, cause: str) -> None:
        """One line when a check starts to fail or ceases to. A logging handler that raises must not end the watch."""
        if failing == (name in self._failing):
            return
        (self._failing.add if failing else self._failing.discard)(name)
        with suppress(Exception):
            if failing:
                logger.warning("check %r fails: %s", name, cause or "no cause given")
            else:
                logger.info("check %r no longer fails", name)


def _looked(seen: Seen, now: float) -> float:
    if seen.since is not None and seen.standing.failures:
        return now
    return seen.result.at if seen.result else 0.0
