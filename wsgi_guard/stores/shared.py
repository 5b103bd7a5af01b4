"""Counters in memory that all processes of a host share: exact across them, with nothing installed.

All slots of a key lie in one stripe, so most charges take one lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic_ns

from wsgi_guard.errors import StoreError
from wsgi_guard.recent import Recent

from .contract import LOG, Debt, Policy, State, Tally
from .shared_look import Look
from .shared_table import STRIPES, SharedTable, Slot
from .shared_windows import Row, Spot, charge_windows, row_of
from .window import PARTS

__all__ = ["SharedStore", "SharedTable"]

BUSY = "the shared table of rate limits is busy: a process holds a part of it"


class SharedStore:
    """`timeout` in seconds bounds the wait for others that charge the same stripe."""

    name = "shared"

    def __init__(self, table: SharedTable, timeout: float) -> None:
        self._table = table
        self._timeout = timeout
        self._hashes: Recent[str, int] = Recent(1024)
        self._policies: Recent[str, int] = Recent(1024)
        # By policies and keys; at most twice as many, at about 1 kB for three limits.
        self._rows: Recent[tuple[object, ...], Row] = Recent(512)
        # Refunds that found their stripe taken, perhaps by the very charge that a collection interrupts.
        self._owed: deque[Debt] = deque()

    @property
    def generation(self) -> int:
        return self._table.generation

    def charge(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:  # fmt: skip
        if costs is None and not self._owed:
            found = self._usual(policies, keys, now)
            if found is not None:
                return found
        return self._tally(policies, keys, costs or [1] * len(policies), now, counts=True)

    def _usual(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None) -> Tally | None:
        """A charge of sliding windows alone; None, nothing being counted, when it is not as simple as that."""
        place = (*policies, *keys)
        row = self._rows.get(place)
        if row is None:
            if any(self._hashes.get(key) is None for key in keys):
                # Perhaps the only charge of this key: a row is for those who come again.
                return None
            row = row_of(self._table, policies, self._hashed(keys), [self._named(policy) for policy in policies])
            self._rows.put(place, row)
        stripes, spots = row
        if not spots:
            return None
        if len(stripes) > 1:
            with self._held(stripes):
                return self._count(spots, now)
        locks, stripe = self._table.stripes, stripes[0]
        if not locks.take(stripe, self._timeout):
            raise StoreError(BUSY)
        try:
            return self._count(spots, now)
        finally:
            locks.give(stripe)

    def _count(self, spots: Sequence[Spot], now: int | None) -> Tally | None:
        table = self._table
        at = monotonic_ns() // 1000 if now is None else now
        found = charge_windows(table.memory, table.slots, spots, at)
        return None if found is None else (*found, at)

    def peek(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        return self._tally(policies, keys, [1] * len(policies), now, counts=False)

    def _tally(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int], now: int | None, *, counts: bool
    ) -> Tally:
        if self._owed:
            self._settle_owed(now)
        hashes = self._hashed(keys)
        admitted = True
        states: list[State] = []
        looks: list[Look] = []
        with self._held(_stripes(hashes)):
            if now is None:
                now = monotonic_ns() // 1000
            for policy, hashed, cost in zip(policies, hashes, costs, strict=True):
                look = Look(self._table, hashed % STRIPES, hashed ^ self._named(policy), now, claim=counts)
                state = look.state(policy, cost, now)
                if state[0] < 1 and policy.enforced:
                    admitted = False
                looks.append(look)
                states.append(state)
            if counts and admitted:
                for at, policy in enumerate(policies):
                    if states[at][0] > 0 and costs[at]:
                        states[at] = looks[at].count(policy, states[at], costs[at], now)
            elif counts:
                for at, policy in enumerate(policies):
                    if policy.block and policy.enforced and not states[at][0]:
                        states[at] = looks[at].deny(policy, states[at], now)
        return admitted, states, now

    def refund(self, debts: Sequence[Debt], now: int | None = None) -> None:
        for debt in debts:
            if debt.state[0] == 1 and not self._settle(debt, now, 0):
                self._owed.append(debt)

    def renew(self, debts: Sequence[Debt], now: int | None = None) -> list[Debt]:
        return [self._renewed(debt, now) for debt in debts]

    def forget(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> None:
        hashes = self._hashed(keys)
        with self._held(_stripes(hashes)):
            now = monotonic_ns() // 1000 if now is None else now
            for policy, hashed in zip(policies, hashes, strict=True):
                look = Look(self._table, hashed % STRIPES, hashed ^ self._named(policy), now, claim=False)
                if look.slot.at:
                    # The next number stays: what stands in the pages of a log is not read again.
                    kept = look.slot.b if policy.algorithm == LOG else 0
                    self._table.write(Slot(look.slot.at, look.slot.digest, kept, kept), now + policy.span)
        self._table.renew()

    def block(self, policies: Sequence[Policy], keys: Sequence[str], seconds: int, now: int | None = None) -> None:
        hashes = self._hashed(keys)
        with self._held(_stripes(hashes)):
            now = monotonic_ns() // 1000 if now is None else now
            for policy, hashed in zip(policies, hashes, strict=True):
                look = Look(self._table, hashed % STRIPES, hashed ^ self._named(policy), now, claim=True)
                until = now + seconds * PARTS if seconds else 0
                look.keep(policy, look.slot._replace(until=until, denials=0, last=0), now)
        if not seconds:
            self._table.renew()

    def ping(self, timeout: float) -> None:
        """Memory is never away."""

    def close(self) -> None:
        """The table stays, for other stores of this process may use it."""

    def _settle_owed(self, now: int | None) -> None:
        for _ in range(len(self._owed)):
            debt = self._owed.popleft()
            if not self._settle(debt, now, self._timeout):
                self._owed.append(debt)

    def _settle(self, debt: Debt, now: int | None, timeout: float) -> bool:
        """Whether the stripe could be had to take a charge back."""
        hashed, policy = self._hash(debt.key), debt.policy
        stripe = hashed % STRIPES
        if not self._table.stripes.take(stripe, timeout):
            return False
        try:
            at = monotonic_ns() // 1000 if now is None else now
            lifted = Look(self._table, stripe, hashed ^ self._named(policy), at, claim=False).refund(debt, at)
        finally:
            self._table.stripes.give(stripe)
        if lifted:
            self._table.renew()
        return True

    def _renewed(self, debt: Debt, now: int | None) -> Debt:
        hashed, policy = self._hash(debt.key), debt.policy
        with self._held([hashed % STRIPES]):
            at = monotonic_ns() // 1000 if now is None else now
            look = Look(self._table, hashed % STRIPES, hashed ^ self._named(policy), at, claim=True)
            return debt._replace(at=at, state=look.renew(debt, at))

    @contextmanager
    def _held(self, stripes: Sequence[int]) -> Iterator[None]:
        """All `stripes` of a charge, which are sorted: one order for everybody, so that no two wait for each other.

        Raises StoreError when one cannot be had in time.
        """
        locks = self._table.stripes
        taken: list[int] = []
        try:
            for stripe in stripes:
                if not locks.take(stripe, self._timeout):
                    raise StoreError(BUSY)
                taken.append(stripe)
            yield
        finally:
            for stripe in taken:
                locks.give(stripe)

    def _hashed(self, keys: Sequence[str]) -> list[int]:
        return [self._hash(key) for key in keys]

    def _hash(self, key: str) -> int:
        found = self._hashes.get(key)
        if found is None:
            found = self._table.hash(key)
            self._hashes.put(key, found)
        return found

    def _named(self, policy: Policy) -> int:
        found = self._policies.get(policy.id)
        if found is None:
            # The length keeps a policy's name from being some client's key.
            found = self._table.hash(f"policy\0{policy.id}")
            self._policies.put(policy.id, found)
        return found


def _stripes(hashes: Sequence[int]) -> list[int]:
    return sorted({hashed % STRIPES for hashed in hashes})
