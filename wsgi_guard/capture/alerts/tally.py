"""What one process has seen since it last told the store: sums taken on the way of an error, drained by a thread.

A request that goes well adds one to a counter without a lock, and that only where a threshold needs the number.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from wsgi_guard.capture.events import Event
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Finish, Outcome
from wsgi_guard.routes import Routes

from .rules import Rule

MOST = 1_000
"""Causes between two drains; events of further ones count for the thresholds, and are in the log."""


class Drained(NamedTuple):
    """`causes`: fingerprint -> errors and the latest event; by name of a rule its events, and by whom; requests."""

    causes: dict[str, tuple[int, Event]]
    events: Counter[str]
    shares: dict[str, Counter[str]]
    requests: Counter[str]
    untracked: int


class Tally:
    """Counts for `rules`."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._failures = [rule for rule in rules if rule.failures]
        self._routed = [rule for rule in rules if rule.ratio and rule.paths]
        self._all = [rule.name for rule in rules if rule.ratio and not rule.paths]
        self._routes = Routes()
        for rule in rules:
            for path in rule.paths:
                self._routes.add(path)
        # Counts every request; `next` is atomic. What is read by it is taken off again.
        self._asked = itertools.count()
        self._reads = 0
        self._told = 0
        self.begin()

    def begin(self) -> None:
        """The state of one process; requests that its parent counted are not its own."""
        # Guards all sums; nothing inside waits. Reentrant, for SIGTERM may come while this very thread holds it.
        self._lock = threading.RLock()
        self._clear()
        self._told = self._asked_for()

    def _clear(self) -> None:
        self._causes: dict[str, tuple[int, Event]] = {}
        self._events: Counter[str] = Counter()
        self._shares: dict[str, Counter[str]] = {}
        self._requests: Counter[str] = Counter()
        self._untracked = 0

    def take(self, event: Event, facts: Facts | None) -> None:
        paths = self._paths(facts) if facts is not None else frozenset()
        with self._lock:
            known = self._causes.get(event.fingerprint)
            if known is not None or len(self._causes) < MOST:
                self._causes[event.fingerprint] = ((known[0] if known else 0) + 1, event)
            else:
                self._untracked += 1
            for rule in self._rules:
                if rule.failures:
                    counted = facts is not None
                else:
                    counted = rule.counts(event, paths)
                    self._events[rule.name] += counted
                if counted:
                    self._shares.setdefault(rule.name, Counter())[event.fingerprint] += 1

    def counting(self, finish: Finish) -> Finish:
        """`finish`, and the count of requests that thresholds need; itself where none does."""
        if not self._all and not self._routed:
            return finish
        count = self._asked

        def counted(facts: Facts, outcome: Outcome) -> None:
            # A probe that is told of a failure is no failed request: the check that fails is told by itself.
            if not facts.own_page:
                next(count)
                if outcome.code >= 500 or outcome.end == "error":
                    self._failed()
            finish(facts, outcome)

        return self._counting_paths(counted) if self._routed else counted

    def _counting_paths(self, finish: Finish) -> Finish:
        def counted(facts: Facts, outcome: Outcome) -> None:
            paths = self._paths(facts)
            with self._lock:
                for rule in self._routed:
                    self._requests[rule.name] += not rule.paths.isdisjoint(paths)
            finish(facts, outcome)

        return counted

    def _failed(self) -> None:
        with self._lock:
            for rule in self._failures:
                self._events[rule.name] += 1

    def _paths(self, facts: Facts) -> frozenset[str]:
        return frozenset(hit.template.text for hit in self._routes.match(facts.environ).hits)

    def drain(self) -> Drained:
        with self._lock:
            asked = self._asked_for() - self._told
            self._told += asked
            for name in self._all:
                self._requests[name] += asked
            found = Drained(self._causes, self._events, self._shares, self._requests, self._untracked)
            self._clear()
        return found

    def _asked_for(self) -> int:
        """Requests since the tally was made."""
        found = next(self._asked) - self._reads
        self._reads += 1
        return found

