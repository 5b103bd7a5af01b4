"""What one policy has counted in this process: a table for each algorithm, all of two generations of dicts.

A generation lasts as long as a count can matter. Whatever was not written for a whole one has expired, so the older
dict is dropped at once when the next begins: expiry needs no timer and no scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from . import bucket, log, window
from .contract import BUCKET, LOG, Debt, Policy, State
from .window import HALF, PARTS

EVICTED = 64
"""Part of a dict, one in so many, that is dropped at a time: once per key would rescan the gaps at its front."""


class Room:
    """How much all tables of a store hold, and may hold."""

    __slots__ = ("held", "most")

    def __init__(self, most: int) -> None:
        self.held = 0
        self.most = most


class Windows:
    """Charges by key in the running window and in the one before; `index` numbers the running one, from `begin` on."""

    __slots__ = ("_room", "_span", "begin", "current", "index", "previous")

    def __init__(self, policy: Policy, room: Room) -> None:
        self._room = room
        self._span = policy.span
        self.index = self.begin = 0
        self.current: dict[str, int] = {}
        self.previous: dict[str, int] = {}

    def look(self, policy: Policy, key: str, cost: int, now: int) -> State:
        index, elapsed = divmod(now, policy.span)
        if index != self.index:
            if index == self.index - 1:
                # The clock went back a little: as if the running window had just begun.
                elapsed = 0
            else:
                self._turn(index)
        part = elapsed // policy.window
        previous = self.previous.get(key, 0)
        current = self.current.get(key, 0)
        return window.fits(policy.scaled, part, previous, current, cost), part, previous, current

    def count(self, policy: Policy, key: str, cost: int, now: int, state: State) -> State:
        _, part, previous, current = state
        if not current and key not in self.current:
            self._room.held += 1
        self.current[key] = current + cost
        return 1, part, previous, current + cost

    def refund(self, debt: Debt, now: int) -> None:
        self.look(debt.policy, debt.key, 0, now)
        previous, current = self.previous.get(debt.key, 0), self.current.get(debt.key, 0)
        before, running = window.refunded(self.index, previous, current, debt.cost, debt.at // self._span)
        if before != previous:
            self.previous[debt.key] = before
        if running != current:
            self.current[debt.key] = running

    def forget(self, key: str) -> None:
        self._room.held -= (self.current.pop(key, None) is not None) + (self.previous.pop(key, None) is not None)

    def expire(self, now: int) -> None:
        if now // self._span > self.index:
            self._turn(now // self._span)

    def evict(self) -> None:
        self._room.held -= drop_oldest(self.previous or self.current)

    def _turn(self, index: int) -> None:
        held = len(self)
        # Counts from further in the future are forgotten, for they would shut their owners out until then.
        self.previous = self.current if index == self.index + 1 else {}
        self.current = {}
        self.index, self.begin = index, index * self._span
        self._room.held -= held - len(self)

    def __len__(self) -> int:
        return len(self.previous) + len(self.current)


# A table, and of its policy the seconds of a window, quantity, scaled quantity and span.
Counter = tuple[Windows, int, int, int, int]


def charge_usual(counters: Sequence[Counter], keys: Sequence[str], now: int) -> list[State] | None:
    """The states of a charge of 1 each that fits, counted: most charges, at a third of the cost.

    None, nothing being counted, where a key is new in its window, or anything else is unusual. No table stands in
    `counters` twice, and each has its key: what `zip` would say of that costs as much as a table.
    """
    states: list[State] = []
    for (table, seconds, quantity, scaled, span), key in zip(counters, keys):  # noqa: B905
        counts, elapsed = table.current, now - table.begin
        current = counts.get(key)
        if current is None or current >= quantity or not 0 <= elapsed < span:
            break
        part = elapsed // seconds
        previous = table.previous.get(key, 0)
        # As `window.fits`, whose call would be dear here.
        if previous and previous * (PARTS - part) + current * PARTS + HALF >= scaled:
            break
        counts[key] = current = current + 1
        states.append((1, part, previous, current))
    else:
        return states
    for counter, key, state in zip(counters, keys, states, strict=False):
        counter[0].current[key] = state[3] - 1
    return None


class Aging:
    """Two generations of values by key, for algorithms without windows; the older is looked into only on a miss."""

    __slots__ = ("_held", "_life", "_new", "_old", "_room", "_since")

    def __init__(self, life: int, room: Room) -> None:
        self._life = life
        self._room = room
        self._since = 0
        self._held = 0
        self._new: dict[str, Any] = {}
        self._old: dict[str, Any] = {}

    def get(self, key: str, now: int) -> Any:
        if now - self._since >= self._life:
            self.expire(now)
        found = self._new.get(key)
        return self._old.get(key) if found is None else found

    def put(self, key: str, value: Any) -> None:
        self._old.pop(key, None)
        self._new[key] = value

    def drop(self, key: str) -> Any:
        found = self._new.pop(key, None)
        return self._old.pop(key, None) if found is None else found

    def expire(self, now: int) -> None:
        if now - self._since < self._life:
            return
        self._hold(-sum(map(weight, self._old.values())))
        self._old = self._new
        if now - self._since >= 2 * self._life:
            self._hold(-sum(map(weight, self._old.values())))
            self._old = {}
        self._new, self._since = {}, now

    def evict(self) -> None:
        self._hold(-drop_oldest(self._old or self._new))

    def _hold(self, more: int) -> None:
        """Counts what is held, here and in the room: whoever makes room asks each table how much, again and again."""
        self._held += more
        self._room.held += more

    def __len__(self) -> int:
        return self._held


class Buckets(Aging):
    """(time, debt) by key."""

    __slots__ = ()

    def __init__(self, policy: Policy, room: Room) -> None:
        super().__init__(1, room)

    def look(self, policy: Policy, key: str, cost: int, now: int) -> State:
        debt = self._debt(policy, key, now)
        return bucket.fits(policy.brim, debt, cost), debt, 0, 0

    def count(self, policy: Policy, key: str, cost: int, now: int, state: State) -> State:
        debt = state[1] + cost * PARTS
        self._write(key, now, debt)
        return 1, debt, 0, 0

    def refund(self, debt: Debt, now: int) -> None:
        policy, owed = debt.policy, self._debt(debt.policy, debt.key, now)
        back = bucket.refundable(debt.cost, debt.state[1], policy.quantity, policy.window, now - debt.at)
        if owed:
            self._write(debt.key, now, max(0, owed - back))

    def forget(self, key: str) -> None:
        self._hold(-(self.drop(key) is not None))

    def _debt(self, policy: Policy, key: str, now: int) -> int:
        # Policies of one id may differ in quantity; a debt matters until the slowest of them has drained it.
        self._life = max(self._life, policy.brim * policy.window // max(1, policy.quantity) + 1)
        found = self.get(key, now)
        return bucket.owed(found[1], policy.quantity, policy.window, now - found[0]) if found else 0

    def _write(self, key: str, now: int, debt: int) -> None:
        if self.drop(key) is None:
            self._hold(1)
        self._new[key] = (now, debt)


class Logs(Aging):
    """The sorted times of all charges by key. Each of them takes room, for they are what fills it.

    In lists, since most are short: a deque takes 600 bytes for its first entry.
    """

    __slots__ = ()

    def __init__(self, policy: Policy, room: Room) -> None:
        super().__init__(policy.span, room)

    def look(self, policy: Policy, key: str, cost: int, now: int) -> State:
        times = self._times(policy, key, now)
        used = len(times)
        oldest = times[0] + policy.span - now if used else 0
        if used + cost <= policy.quantity:
            return 1, used, oldest, 0
        return 0, used, oldest, log.wait(times, policy.quantity, cost, now, policy.span)

    def count(self, policy: Policy, key: str, cost: int, now: int, state: State) -> State:
        times = self.get(key, now)
        if times is None:
            times = []
        mark = max(now, times[-1]) if times else now
        times.extend([mark] * cost)
        self.put(key, times)
        self._hold(cost)
        return 1, len(times), times[0] + policy.span - now, mark

    def refund(self, debt: Debt, now: int) -> None:
        times, mark = self._times(debt.policy, debt.key, now), debt.state[3]
        back = min(debt.cost, times.count(mark))
        for _ in range(back):
            del times[len(times) - 1 - list(reversed(times)).index(mark)]
        self._hold(-back)
        if not times:
            self.drop(debt.key)

    def forget(self, key: str) -> None:
        self._hold(-len(self.drop(key) or ()))

    def _times(self, policy: Policy, key: str, now: int) -> list[int]:
        times: list[int] | None = self.get(key, now)
        if times is None:
            return []
        gone = log.expired(times, now, policy.span)
        del times[:gone]
        self._hold(-gone)
        if not times:
            self.drop(key)
        return times


Table = Windows | Buckets | Logs


def make_table(policy: Policy, room: Room) -> Table:
    if policy.algorithm == BUCKET:
        return Buckets(policy, room)
    return Logs(policy, room) if policy.algorithm == LOG else Windows(policy, room)


def weight(value: Any) -> int:
    """What a value takes of the room."""
    return len(value) if type(value) is list else 1


def drop_oldest(values: dict[str, Any]) -> int:
    """Drops the keys that were written first, a share of all; returns the room they took."""
    freed = 0
    for key in list(islice(values, len(values) // EVICTED + 1)):
        freed += weight(values.pop(key))
    return freed
