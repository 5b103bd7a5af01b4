"""Counters in the memory of this process: exact within it, unknown to any other.

A policy's counters are two plain dicts, of the window that runs and of the one before. When a window ends the older
dict is dropped whole, so expiry needs no timer and no time stamp per key. `most` bounds the keys of all policies
together; when it is reached, those whose time ends first go first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from threading import Lock
from time import monotonic_ns

from .contract import Policy, State, Tally
from .window import fits

EVICTED = 64
"""Part of a dict, one in so many, that is dropped at a time: once per key would rescan the gaps at its front."""


class Counters:
    """What one policy has counted; `index` numbers the running window."""

    __slots__ = ("current", "index", "previous", "span")

    def __init__(self, span: int) -> None:
        self.span = span
        self.index = 0
        self.current: dict[str, int] = {}
        self.previous: dict[str, int] = {}

    def turn(self, index: int) -> int:
        """Begins window `index`; returns how many keys that drops."""
        held = len(self)
        self.previous = self.current if index == self.index + 1 else {}
        self.current = {}
        self.index = index
        return held - len(self)

    def __len__(self) -> int:
        return len(self.previous) + len(self.current)


class MemoryStore:
    name = "memory"

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._tables: dict[str, Counters] = {}
        # Guards all of the above. Nothing inside waits, so a charge holds it for microseconds.
        self._lock = Lock()

    def charge(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        admitted = True
        states: list[State] = []
        tables = self._tables
        with self._lock:
            if now is None:
                now = monotonic_ns() // 1000
            for policy, key in zip(policies, keys, strict=True):
                counters = tables.get(policy.id)
                if counters is None:
                    counters = tables[policy.id] = Counters(policy.span)
                index, elapsed = divmod(now, policy.span)
                if index != counters.index:
                    elapsed = self._turn(counters, index, elapsed)
                part = elapsed // policy.window
                previous = counters.previous.get(key, 0)
                current = counters.current.get(key, 0)
                fit = fits(policy.scaled, part, previous, current)
                if not fit and policy.enforced:
                    admitted = False
                states.append((fit, part, previous, current))
            if admitted:
                self._count(policies, keys, states, now)
        return admitted, states

    def _turn(self, counters: Counters, index: int, elapsed: int) -> int:
        """Elapsed microseconds of the window that runs; a `now` from before it counts as its beginning."""
        if index < counters.index:
            return 0
        self._held -= counters.turn(index)
        return elapsed

    def _count(self, policies: Sequence[Policy], keys: Sequence[str], states: list[State], now: int) -> None:
        for at, (fit, part, previous, current) in enumerate(states):
            if not fit:
                continue
            counts, key = self._tables[policies[at].id].current, keys[at]
            if key not in counts:
                if self._held >= self._most:
                    self._evict(now)
                self._held += 1
            counts[key] = current + 1
            states[at] = (True, part, previous, current + 1)

    def _evict(self, now: int) -> None:
        """Makes room: all that has expired unseen, else the oldest keys of the limit that holds most.

        So a flood of keys under one limit throws itself out, and not what others have counted.
        """
        for counters in self._tables.values():
            if now // counters.span > counters.index:
                self._held -= counters.turn(now // counters.span)
        if self._held >= self._most:
            largest = max(self._tables.values(), key=len)
            oldest = largest.previous or largest.current
            for key in list(islice(oldest, len(oldest) // EVICTED + 1)):
                del oldest[key]
                self._held -= 1

    def ping(self, timeout: float) -> None:
        """Memory is never away."""

    def close(self) -> None:
        with self._lock:
            self._tables.clear()
            self._held = 0

    def __len__(self) -> int:
        return self._held
