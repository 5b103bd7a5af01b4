"""Charges taken ahead: a process fetches several of a sliding window's charges in one trip and spends them by itself.

What is fetched is counted at the store at once and spent before the window in which it was counted ends, so however
many processes fetch, no more passes than without slices: the error bound of the window (`stores/window.py`) stands.
What lies unspent elsewhere can deny too early: with `n` processes that fetch `ahead` at most, a denial comes when
at least `quantity - (2n - 1) * (ahead - 1)` still count, rounded as the window rounds. A process that dies, or meets
more than 4096 keys between two requests of one, loses its slice, which counts as unspent until it has faded.

A slice grows from 1 by doubling while it is used up within a second, never beyond `1 / 2n` of what is left, and
shrinks when it is not; so the first request of a key, and every request of a slow one, costs what it always did. It is
confirmed at the store each second: a block by hand is seen that late, a reset as soon as denials are void.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Lock
from time import monotonic_ns

from wsgi_guard.recent import Recent
from wsgi_guard.stores import State, Store
from wsgi_guard.stores.contract import Tally
from wsgi_guard.stores.window import PARTS, remaining

from .rules import Quota

HOLD = 1_000_000
"""Microseconds for which a slice is spent without asking."""
SIZE = 4096
"""Half of the most slices held, at about 300 bytes each."""


class Slice:
    """What a process holds of one limit and key; times are microseconds of its own clock."""

    __slots__ = ("_checked", "_current", "_generation", "_previous", "_room", "_size", "end", "left")

    def __init__(self) -> None:
        self.left = 0
        # When the window ends in which `left` is counted.
        self.end = 0
        self._checked = -HOLD
        self._generation = -1
        self._size = 1
        # Of the store's last answer: what was left there, and the counters.
        self._room = self._previous = self._current = 0

    def serves(self, cost: int, now: int, generation: int) -> bool:
        fresh = now < self.end and 0 <= now - self._checked < HOLD
        return fresh and self.left >= cost and self._generation == generation

    def spend(self, quota: Quota, cost: int, now: int) -> State:
        self.left -= cost
        return 1, max(0, PARTS - 1 - (self.end - now) // quota.window), self._previous, self._current - self.left

    def take(self, now: int, generation: int) -> int:
        """All that is left, for a trip: nobody else spends it meanwhile."""
        held = self.left if now < self.end and self._generation == generation else 0
        self.left, self._generation = 0, generation
        return held

    def wanted(self, ahead: int, cost: int, workers: int, now: int) -> int:
        """What to hold after a trip, the request's own `cost` included."""
        soon = now - self._checked < HOLD
        self._size = min(ahead, self._size * 2) if soon else max(1, self._size // 2)
        return max(cost, min(self._size, self._room // (2 * workers)))

    def put_back(self, held: int, end: int, now: int) -> None:
        """What `take` gave, unspent."""
        if now < end:
            self.left += held

    def denied(self) -> None:
        self._size = 1

    def fill(self, quota: Quota, state: State, spare: int, start: int, now: int) -> State:
        """Keeps `spare` charges of a trip that began at `start`; returns the state as if they were not counted yet."""
        _, part, previous, current = state
        # Measured from before the trip, so it errs toward the past.
        end = start + (PARTS - part) * quota.window
        if self.end <= now:
            self.left = 0
        if end > now:
            self.left += spare
        self.end, self._checked = end, start
        self._previous, self._current = previous, current
        self._room = remaining(quota.quantity, part, previous, current)
        return 1, part, previous, max(0, current - self.left)


class Slices:
    """All slices of one process; `workers` share this host, and are taken for all there are."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._recent: Recent[tuple[Quota, str], Slice] = Recent(SIZE)
        # Guards the slices, and is not held during a trip.
        self._lock = Lock()
        self._pid = os.getpid()

    def charge(
        self, store: Store, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:  # fmt: skip
        """As `store.charge`, of which it makes one call, none, or two where the limit is nearly used up.

        All `quotas` count by sliding windows. Raises StoreError as the store does; the slices stay as they were then.
        """
        self._leave_parent()
        asked = costs or (1,) * len(quotas)
        start, generation = _clock(now), store.generation
        with self._lock:
            slices = [self._slice(place) for place in zip(quotas, keys, strict=True)]
            if all(one.serves(cost, start, generation) for one, cost in zip(slices, asked, strict=True)):
                spent = zip(slices, quotas, asked, strict=True)
                return True, [one.spend(quota, cost, start) for one, quota, cost in spent], start
            held = [(one.take(start, generation), one.end) for one in slices]
            wants = [
                one.wanted(quota.ahead, cost, self._workers, start)
                for one, quota, cost in zip(slices, quotas, asked, strict=True)
            ]
        admitted, at = False, start
        states: list[State] = []
        paid: list[int] = []
        try:
            admitted, states, at, paid = _trip(store, quotas, keys, wants, asked, [kept for kept, _ in held], now)
        finally:
            after = _clock(now)
            with self._lock:
                for i, (one, (kept, end)) in enumerate(zip(slices, held, strict=True)):
                    if admitted and states[i][0] > 0:
                        # What was held counts in a window that may have ended during the trip.
                        spare = (kept if after < end else 0) + paid[i] - asked[i]
                        states[i] = one.fill(quotas[i], states[i], max(0, spare), start, after)
                    else:
                        one.put_back(kept, end, after)
                        one.denied()
        return admitted, states, at

    def _leave_parent(self) -> None:
        """After a fork begins anew: what was taken is the parent's to spend."""
        if self._pid != os.getpid():
            self._recent, self._lock, self._pid = Recent(SIZE), Lock(), os.getpid()

    def _slice(self, place: tuple[Quota, str]) -> Slice:
        found = self._recent.get(place)
        if found is None:
            found = Slice()
            self._recent.put(place, found)
        return found


def _trip(
    store: Store, quotas: Sequence[Quota], keys: Sequence[str], wants: Sequence[int], asked: Sequence[int],
    held: Sequence[int], now: int | None,
) -> tuple[bool, list[State], int, list[int]]:  # fmt: skip
    """A tally and what it charged: what is wanted, or where that is too much, what the request itself needs."""
    paid = [max(0, want - kept) for want, kept in zip(wants, held, strict=True)]
    admitted, states, at = store.charge(quotas, keys, paid, now)
    least = [max(0, cost - kept) for cost, kept in zip(asked, held, strict=True)]
    if not admitted and paid != least and all(state[0] >= 0 for state in states):
        paid = least
        admitted, states, at = store.charge(quotas, keys, paid, now)
    return admitted, states, at, paid


def _clock(now: int | None) -> int:
    return monotonic_ns() // 1000 if now is None else now
