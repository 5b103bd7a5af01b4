"""The charges of requests: made at the store, or where the failure policy says, and given back where they do not count.

At most one call to the store before the answer, none for who is known to be denied, and one at the end for what is
given back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic

from wsgi_guard.errors import StoreError
from wsgi_guard.layer import Outcome
from wsgi_guard.series import GAUGE, MOST, Series
from wsgi_guard.stores import Debt, MemoryStore, State, Store
from wsgi_guard.stores.standing import wait

from .denials import Denial, Denials, holds
from .fallback import Fallback
from .leases import Leases
from .plan import Owing, Plan
from .rules import Quota
from .slices import Slices

# What came of one charge, a plain tuple for its speed: whether it was admitted, what was charged (quotas, keys, costs,
# fewer than asked while the store is away) with its states, and what is owed back at the end of the request.
Charged = tuple[bool, Sequence[Quota], Sequence[str], Sequence[int] | None, Sequence[State], list[Owing] | None]

WARMING = 1.0
"""Seconds that a worker which begins waits for its connections."""


class Ledger:
    """`open_store` is called at first use, in the process that charges; `workers` tells how many share a host."""

    def __init__(self, open_store: Callable[[], Store], max_keys: int, workers: Callable[[], int]) -> None:
        self._open_store = open_store
        self._max_keys = max_keys
        self._workers = workers
        self._store: Store | None = None
        self._fallback: Fallback | None = None
        self._made_slices: Slices | None = None
        self.denials = Denials()
        self._watching = False
        # Why the store was lost, until somebody has taken note.
        self.fell: str | None = None
        # What an abandoned response gives back waits here for the next request: it may end within a collection, where
        # no lock may be taken.
        self._late: deque[Owing] = deque()
        # What the end of a request that runs here may give back, by identity.
        self._flying: dict[int, Owing] = {}
        self._leases = Leases(self._settle_late, lambda error: self.fallback.failed(error))

    @property
    def store(self) -> Store:
        store = self._store
        if store is None:
            store = self._store = self._open_store()
        return store

    def start(self) -> None:
        """Once in each process, before it charges."""
        self._flying.clear()
        for store in (self._store, self._fallback.store if self._fallback is not None else None):
            if isinstance(store, MemoryStore):
                store.leave_parent()

    def warm(self, count: int) -> None:
        """Has `count` connections to a store over the network, in a second at most, before a request needs one."""
        # What fails here fails again, and is told, with the first charge.
        with suppress(Exception):
            warm = getattr(self.store, "warm", None)
            if warm is not None:
                warm(count, WARMING)

    @property
    def _slices(self) -> Slices:
        if self._made_slices is None:
            self._made_slices = Slices(self._workers())
        return self._made_slices

    @property
    def fallback(self) -> Fallback:
        if self._fallback is None:
            self._fallback = Fallback(self._max_keys, self._workers())
        return self._fallback

    @property
    def degraded(self) -> str | None:
        """Why the store is not used, None while it is."""
        return self._fallback.degraded if self._fallback is not None else None

    def series(self) -> Iterator[Series]:
        lost = self.degraded is not None
        yield Series("wsgi_guard_rate_limit_store_degraded", GAUGE, "1 while the store is away.", lost, (), MOST)

    def known(
        self, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None, now: float
    ) -> list[Denial]:  # fmt: skip
        """Denials that stand already; with none the store must be asked."""
        return self.denials.find(quotas, keys, costs, self.store.generation, now)

    def charge(self, plan: Plan, keys: Sequence[str], costs: Sequence[int] | None) -> Charged:
        """One charge of all quotas. Raises Outage where the store is away and a quota denies then."""
        if self._late:
            self._settle_late()
        store, quotas = self._store, plan.quotas
        if store is None:
            store = self.store
        # Read before the charge: a reset that comes between the two makes what is remembered void at once.
        generation = store.generation if self._watching else 0
        try:
            if plan.ahead:
                admitted, states, at = self._slices.charge(store, quotas, keys, costs)
            else:
                admitted, states, at = store.charge(quotas, keys, costs)
        except StoreError as error:
            return self._without_store(quotas, keys, costs, error)
        if self._fallback is not None and self._fallback.degraded is not None:
            self._fallback.worked()
        if not admitted:
            self._remember(quotas, keys, costs, states, generation)
            return False, quotas, keys, costs, states, None
        owing = self._owed(store, quotas, keys, costs, states, at) if plan.returns else None
        return True, quotas, keys, costs, states, owing

    def charge_by_hand(self, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int]) -> Charged:
        """As `charge`, without what is known of denials. Raises Outage likewise."""
        try:
            admitted, states, _ = self.store.charge(quotas, keys, costs)
        except StoreError as error:
            return self._without_store(quotas, keys, costs, error)
        return admitted, quotas, keys, costs, states, None

    def give_back(self, owing: list[Owing], outcome: Outcome, *, threat: bool) -> None:
        """Settles what a request owed, now that it has ended."""
        for one in owing:
            self._flying.pop(id(one), None)
        due = [one for one in owing if not counts(one.quota, outcome.code, threat)]
        if outcome.end == "abandoned":
            self._late.extend(due)
        elif due:
            self._refund(due)

    def soon(self, quotas: Sequence[Quota], keys: Sequence[str], states: Sequence[State]) -> list[Quota]:
        """Those that are over, and may be no more when a request ends that runs in this process."""
        places = zip(quotas, keys, states, strict=True)
        over = [(quota, key) for quota, key, state in places if quota.returns and not state[0]]
        if not over:
            return []
        flying = {(one.debt.policy, one.debt.key) for one in list(self._flying.values())}
        return [place[0] for place in over if place in flying]

    def forget(self) -> None:
        """Forgets all known denials of this process."""
        self.denials.forget_all()

    @property
    def failures(self) -> int:
        """Calls to the store that failed since the process started."""
        return self._fallback.failures if self._fallback is not None else 0

    def _remember(
        self, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None, states: Sequence[State],
        generation: int,
    ) -> None:  # fmt: skip
        if not self._watching:
            # Resets are listened for from the next charge on; who was reset before that is not to stay denied.
            self._watching = True
            return
        now = monotonic()
        for at, (quota, key, state) in enumerate(zip(quotas, keys, states, strict=True)):
            if holds(quota, state):
                cost = costs[at] if costs else 1
                until = now + wait(quota, state, cost) / 1_000_000
                denial = Denial(quota, key, cost, until, generation, now, blocked=state[0] < 0)
                self.denials.put((quota, key), denial)

    def _owed(
        self, store: Store, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None,
        states: Sequence[State], at: int,
    ) -> list[Owing]:  # fmt: skip
        owing = owed(store, quotas, keys, costs, states, at)
        self._flying.update((id(one), one) for one in owing)
        if any(one.quota.lease for one in owing):
            self._leases.take(owing)
        return owing

    def _without_store(
        self, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None, error: StoreError
    ) -> Charged:
        fallback = self.fallback
        if fallback.failed(error):
            self.fell = fallback.degraded
        counted, kept, paid = fallback.counted(quotas, keys, costs)
        admitted, states, at = fallback.store.charge(counted, kept, paid)
        owing = self._owed(fallback.store, counted, kept, paid, states, at) if admitted else None
        return admitted, counted, kept, paid, states, owing

    def _settle_late(self) -> None:
        due = []
        with suppress(IndexError):
            while True:
                due.append(self._late.popleft())
        if due:
            self._refund(due)

    def _refund(self, due: list[Owing]) -> None:
        debts = [(one.store, self._leases.end(one) if one.quota.lease else one.debt) for one in due]
        for store in {id(store): store for store, _ in debts}.values():
            try:
                store.refund([debt for place, debt in debts if place is store and debt is not None])
            except StoreError as error:
                # What stays counted expires with its window.
                self.fallback.failed(error)


def owed(
    store: Store, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None, states: Sequence[State],
    at: int,
) -> list[Owing]:  # fmt: skip
    """What must be settled of an admitted charge."""
    return [
        Owing(store, Debt(quota, key, costs[place] if costs else 1, at, state), quota)
        for place, (quota, key, state) in enumerate(zip(quotas, keys, states, strict=True))
        if quota.returns and state[0] > 0 and (costs is None or costs[place])
    ]


def counts(quota: Quota, code: int, threat: bool) -> bool:
    """Whether a request that ended with status `code` (0: none was sent) stays charged."""
    if quota.lease:
        return False
    if quota.outcomes is None and not quota.threats:
        return True
    return (quota.outcomes is not None and code in quota.outcomes) or (quota.threats and threat)
