"""Counters in the memory of this process: exact within it, unknown to any other.

`most` bounds what is held together: keys, and the entries of sliding logs. When it is reached, what has expired goes
first, then the oldest keys of the policy that holds most, so that a flood of keys throws itself out and not others.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from itertools import islice, repeat
from threading import Lock
from time import monotonic_ns

from wsgi_guard.recent import Recent

from . import block
from .block import Block
from .contract import Debt, Policy, State, Tally
from .standing import LONGEST_BLOCK
from .tables import EVICTED, Counter, Room, Table, Windows, charge_usual, make_table

LONGEST = LONGEST_BLOCK * 1_000_000


class MemoryStore:
    name = "memory"

    def __init__(self, most: int) -> None:
        self.generation = 0
        self._room = Room(most)
        self._tables: dict[str, Table] = {}
        self._blocks: dict[tuple[str, str], Block] = {}
        # The counters of a row of policies, none where some are no windows or two are of one table.
        self._rows: Recent[tuple[Policy, ...], tuple[Counter, ...]] = Recent(256)
        # Refunds that came while the lock was held, perhaps from a collection within `charge` itself.
        self._owed: deque[Debt] = deque()
        # Guards all of the above. Nothing inside waits, so a charge holds it for microseconds.
        self._lock = Lock()
        self._pid = os.getpid()

    def leave_parent(self) -> None:
        """In a child after a fork: a lock that another thread of the parent held there is held by nobody here."""
        if self._pid != os.getpid():
            self._lock, self._pid = Lock(), os.getpid()

    def charge(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:  # fmt: skip
        admitted = True
        states: list[State] = []
        # Not `acquire()` with `try` behind it: what a signal raises between the two would leave it held for ever.
        with self._lock:
            if now is None:
                now = monotonic_ns() // 1000
            if self._owed:
                self._settle(now)
            tables, blocks = self._tables, self._blocks
            if costs is None and not blocks:
                row = policies if type(policies) is tuple else tuple(policies)
                counters = self._rows.get(row)
                if counters is None:
                    counters = self._counters(row)
                usual = charge_usual(counters, keys, now) if counters else None
                if usual is not None:
                    return True, usual, now
            for policy, key, cost in zip(policies, keys, costs or repeat(1, len(policies)), strict=True):
                table = tables.get(policy.id)
                if table is None:
                    table = self._table(policy)
                state = table.look(policy, key, cost, now)
                if blocks and policy.enforced:
                    state = self._blocked(policy, key, now) or state
                if state[0] < 1 and policy.enforced:
                    admitted = False
                states.append(state)
            if admitted:
                self._count(policies, keys, costs, now, states)
            else:
                self._deny(policies, keys, now, states)
        return admitted, states, now

    def peek(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        states: list[State] = []
        with self._lock:
            now = monotonic_ns() // 1000 if now is None else now
            for policy, key in zip(policies, keys, strict=True):
                blocked = self._blocked(policy, key, now) if policy.enforced else None
                states.append(blocked or self._table(policy).look(policy, key, 1, now))
        fits = all(state[0] > 0 or not policy.enforced for policy, state in zip(policies, states, strict=True))
        return fits, states, now

    def refund(self, debts: Sequence[Debt], now: int | None = None) -> None:
        self._owed.extend(debts)
        if self._lock.acquire(blocking=False):
            try:
                self._settle(monotonic_ns() // 1000 if now is None else now)
            finally:
                self._lock.release()

    def renew(self, debts: Sequence[Debt], now: int | None = None) -> list[Debt]:
        with self._lock:
            now = monotonic_ns() // 1000 if now is None else now
            return [self._renewed(debt, now) for debt in debts]

    def forget(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> None:
        with self._lock:
            for policy, key in zip(policies, keys, strict=True):
                self._table(policy).forget(key)
                self._blocks.pop((policy.id, key), None)
            self.generation += 1

    def block(self, policies: Sequence[Policy], keys: Sequence[str], seconds: int, now: int | None = None) -> None:
        with self._lock:
            now = monotonic_ns() // 1000 if now is None else now
            for policy, key in zip(policies, keys, strict=True):
                if seconds:
                    self._keep(policy.id, key, Block(now + seconds * 1_000_000, 0, 0), now)
                else:
                    self._blocks.pop((policy.id, key), None)
            if not seconds:
                self.generation += 1

    def ping(self, timeout: float) -> None:
        """Memory is never away."""

    def close(self) -> None:
        with self._lock:
            self._tables.clear()
            self._rows.forget_all()
            self._blocks.clear()
            self._room.held = 0

    def __len__(self) -> int:
        return self._room.held

    # all below under the lock

    def _table(self, policy: Policy) -> Table:
        table = self._tables.get(policy.id)
        if table is None:
            table = self._tables[policy.id] = make_table(policy, self._room)
        return table

    def _counters(self, row: tuple[Policy, ...]) -> tuple[Counter, ...]:
        found = [(self._table(policy), policy) for policy in row]
        counters = tuple(
            (table, policy.window, policy.quantity, policy.scaled, policy.span)
            for table, policy in found
            if type(table) is Windows
        )
        if len({counter[0] for counter in counters}) < len(row):
            counters = ()
        self._rows.put(row, counters)
        return counters

    def _count(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None, now: int,
        states: list[State],
    ) -> None:  # fmt: skip
        tables = self._tables
        for at, state in enumerate(states):
            cost = 1 if costs is None else costs[at]
            if state[0] and cost:
                policy = policies[at]
                states[at] = tables[policy.id].count(policy, keys[at], cost, now, state)
        if self._room.held > self._room.most:
            self._make_room(now)

    def _deny(self, policies: Sequence[Policy], keys: Sequence[str], now: int, states: list[State]) -> None:
        for at, (policy, key) in enumerate(zip(policies, keys, strict=True)):
            if not policy.block or not policy.enforced or states[at][0]:
                continue
            known = self._blocks.get((policy.id, key), block.NONE)
            found = block.denied(known, now, policy.block, policy.after, policy.span)
            self._keep(policy.id, key, found, now)
            if found.until:
                states[at] = (-1, found.until - now, 0, 0)

    def _blocked(self, policy: Policy, key: str, now: int) -> State | None:
        found = self._blocks.get((policy.id, key))
        left = block.left(found, now, LONGEST) if found else 0
        return (-1, left, 0, 0) if left else None

    def _keep(self, policy_id: str, key: str, found: Block, now: int) -> None:
        self._blocks.pop((policy_id, key), None)
        self._blocks[policy_id, key] = found
        if len(self._blocks) > self._room.most:
            # Who is not blocked yet goes first.
            for old in [old for old, kept in self._blocks.items() if kept.until <= now] or list(
                islice(self._blocks, len(self._blocks) // EVICTED + 1)
            ):
                del self._blocks[old]

    def _settle(self, now: int) -> None:
        while self._owed:
            debt = self._owed.popleft()
            if debt.state[0] == 1:
                self._table(debt.policy).refund(debt, now)
                if self._blocks:
                    self._lift(debt, now)

    def _lift(self, debt: Debt, now: int) -> None:
        place = debt.policy.id, debt.key
        if block.lifted(self._blocks.get(place, block.NONE), debt, now):
            del self._blocks[place]
            self.generation += 1

    def _renewed(self, debt: Debt, now: int) -> Debt:
        policy, key, cost, _, state = debt
        table = self._table(policy)
        table.refund(debt, now)
        return debt._replace(at=now, state=table.count(policy, key, cost, now, state))

    def _make_room(self, now: int) -> None:
        for table in self._tables.values():
            table.expire(now)
        while self._room.held > self._room.most:
            max(self._tables.values(), key=len).evict()
