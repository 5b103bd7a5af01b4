"""Counters in a Redis Cluster: each client's in one slot, each slot at one node.

All or nothing holds within a slot, that is for all policies charged under one key: one EVALSHA. A request that is
charged under several keys (by address and by user, say) is charged slot after slot, and what was taken is given back
when a later slot denies or cannot be reached; in between others may see it taken. While a slot moves from one node to
another its keys are in two places and cannot be charged: the failure policy holds for them, for as long as that takes.
Knows no driver.
"""

from __future__ import annotations

import threading
from binascii import crc_hqx
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from wsgi_guard.errors import StoreError

from .contract import Debt, Policy, State, Tally
from .news import News
from .redis_frames import CHANNEL, hashed
from .redis_sentinel import text
from .redis_vitals import Vitals, together

T = TypeVar("T")
MARK = "+cluster"
SLOTS = 16384
PATIENCE = 0.5
"""Seconds between two looks at the map after a failure."""

Address = tuple[str, int]


class Moved(StoreError):
    """Another node has the slot; nothing ran."""

    def __init__(self, address: Address) -> None:
        super().__init__("the slot is at another node")
        self.address = address


class ClusterStore:
    """`make` opens the store of one node; `seeds` are the nodes that the settings name."""

    name = "redis"

    def __init__(self, seeds: Sequence[Address], make: Callable[[Address], Any]) -> None:
        self._make = make
        self._seeds = tuple(seeds)
        self._nodes: dict[Address, Any] = {}
        self._map: list[tuple[int, int, Address]] = []
        self._stale = True
        self._looked = 0.0
        self._turn = 0
        self._first = threading.Lock()
        self._news = News(self._listener, CHANNEL)

    @property
    def generation(self) -> int:
        return self._news.generation()

    def charge(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:  # fmt: skip
        return self._tally(policies, keys, costs, now, counts=True)

    def peek(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        return self._tally(policies, keys, None, now, counts=False)

    def _tally(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None, now: int | None, *,
        counts: bool,
    ) -> Tally:  # fmt: skip
        states: list[State] = [(0, 0, 0, 0)] * len(policies)
        taken: list[Debt] = []
        admitted, at = True, 0
        try:
            for key, places in groups(policies, keys):
                row, paid = [policies[place] for place in places], [costs[place] for place in places] if costs else None
                fits, found, at = self._charge_one(key, row, paid, now, counts=counts)
                for place, state in zip(places, found, strict=True):
                    states[place] = state
                admitted = admitted and fits
                if counts and not fits:
                    break
                taken += [
                    Debt(policies[place], key, costs[place] if costs else 1, at, states[place]) for place in places
                ]
        except StoreError:
            self._give_back(taken if counts else [], now)
            raise
        if counts and not admitted:
            self._give_back(taken, now)
        return admitted, states, at

    def refund(self, debts: Sequence[Debt], now: int | None = None) -> None:
        for key, places in groups(debts, [debt.key for debt in debts]):
            due = [debts[place] for place in places]
            self._at(key, lambda node, due=due: node.refund(due, now))

    def renew(self, debts: Sequence[Debt], now: int | None = None) -> list[Debt]:
        return [self._at(debt.key, lambda node, debt=debt: node.renew([debt], now))[0] for debt in debts]

    def forget(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> None:
        for key, places in groups(policies, keys):
            row = [policies[place] for place in places]
            self._at(key, lambda node, row=row, key=key: node.forget(row, [key] * len(row), now))
        self._news.heard()

    def block(self, policies: Sequence[Policy], keys: Sequence[str], seconds: int, now: int | None = None) -> None:
        for key, places in groups(policies, keys):
            row = [policies[place] for place in places]
            self._at(key, lambda node, row=row, key=key: node.block(row, [key] * len(row), seconds, now))
        if not seconds:
            self._news.heard()

    def warm(self, count: int, seconds: float) -> None:
        """Has so many connections to each node there, if it takes no longer than so many seconds."""
        deadline = monotonic() + seconds
        self._node(self._seeds[0]).warm(1, seconds)
        with suppress(StoreError):
            self._look_first()
        for address in {address for _, _, address in self._map}:
            left = deadline - monotonic()
            if left > 0:
                self._node(address).warm(count, left)

    def ping(self, timeout: float) -> None:
        """Every node that has slots answers."""
        with self._first:
            self._look()
        for address in {address for _, _, address in self._map}:
            self._node(address).ping(timeout)

    def vitals(self, timeout: float) -> Vitals:
        """As ping; of the fullest node, and the evictions of all."""
        with self._first:
            self._look()
        return together(self._node(address).vitals(timeout) for address in {address for _, _, address in self._map})

    def close(self) -> None:
        self._news.close()
        for node in self._nodes.values():
            node.close()

    def _charge_one(
        self, key: str, row: list[Policy], paid: list[int] | None, now: int | None, *, counts: bool
    ) -> Tally:
        keys = [key] * len(row)

        def act(node: Any) -> Tally:
            found: Tally = node.charge(row, keys, paid, now) if counts else node.peek(row, keys, now)
            return found

        return self._at(key, act)

    def _give_back(self, taken: list[Debt], now: int | None) -> None:
        try:
            self.refund(taken, now)
        except StoreError:
            # What stays counted expires with its window; the caller hears of the loss that led here.
            self._stale = True

    def _at(self, key: str, act: Callable[..., T]) -> T:
        """`act` at the node of a key, and once more where that says another has the slot."""
        slot = crc_hqx(hashed(key, 16), 0) % SLOTS
        try:
            return act(self._node(self._address(slot)))
        except Moved as moved:
            self._stale = True
            return act(self._node(moved.address))
        except StoreError:
            self._stale = True
            raise

    def _address(self, slot: int) -> Address:
        if not self._map:
            self._look_first()
        elif self._stale and monotonic() - self._looked >= PATIENCE:
            self._look()
        for first, last, address in self._map:
            if first <= slot <= last:
                return address
        raise StoreError("the cluster has no node for the slot")

    def _look_first(self) -> None:
        """One look for all who come before there is a map; the others wait for it, and without one they fail."""
        if not self._first.acquire(timeout=PATIENCE):
            return
        try:
            if not self._map and (not self._looked or monotonic() - self._looked >= PATIENCE):
                self._look()
        finally:
            self._first.release()

    def _look(self) -> None:
        """Asks the nodes for the map, those that are known first. Raises StoreError when none tells."""
        self._looked = monotonic()
        why = "no node"
        for address in dict.fromkeys([*(address for _, _, address in self._map), *self._seeds]):
            try:
                self._map = read_map(self._node(address).tell(b"CLUSTER", b"SLOTS"), address)
            except StoreError as error:
                why = str(error)
                continue
            self._stale = False
            return
        raise StoreError(f"no node of the cluster tells its slots: {why}")

    def _node(self, address: Address) -> Any:
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = self._make(address)
        return node

    def _listener(self) -> Any:
        """A connection to one node after the other: what is published at one is heard at all."""
        addresses = list(dict.fromkeys([*(address for _, _, address in self._map), *self._seeds]))
        self._turn += 1
        return self._node(addresses[self._turn % len(addresses)]).listener()


def groups(things: Sequence[object], keys: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Each key with the places where it stands."""
    found: dict[str, list[int]] = {}
    for place, (_, key) in enumerate(zip(things, keys, strict=True)):
        found.setdefault(key, []).append(place)
    yield from found.items()


def read_map(reply: Any, asked: Address) -> list[tuple[int, int, Address]]:
    """(first slot, last slot, master) of a reply to CLUSTER SLOTS; a node without a name is the one `asked`."""
    try:
        return [
            (int(first), int(last), (text(master[0]) or asked[0], int(master[1]))) for first, last, master, *_ in reply
        ]
    except (TypeError, ValueError, IndexError):
        raise StoreError("the reply to CLUSTER SLOTS makes no sense") from None
