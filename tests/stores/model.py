"""What a store decides as one would write it down: exact fractions and plain lists, one key at a time, no store."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from wsgi_guard.stores import Debt, Policy, State, Tally
from wsgi_guard.stores.contract import BUCKET, LOG

PARTS = 1_000_000
Place = tuple[str, str]


@dataclass
class Cell:
    index: int
    current: int
    previous: int


@dataclass
class Model:
    """By (policy id, key). A clock that goes back less than a window stands still, else what it left starts anew."""

    cells: dict[Place, Cell] = field(default_factory=dict)
    debts: dict[Place, tuple[int, int]] = field(default_factory=dict)
    times: dict[Place, list[int]] = field(default_factory=dict)
    blocked: dict[Place, int] = field(default_factory=dict)
    rows: dict[Place, tuple[int, int]] = field(default_factory=dict)
    # When a denial brought the block, none for one by hand.
    began: dict[Place, int] = field(default_factory=dict)

    def charge(self, policies: list[Policy], keys: list[str], costs: list[int] | None, now: int) -> Tally:
        paid = costs or [1] * len(policies)
        charged = list(zip(policies, keys, paid, strict=True))
        states = [self._look(*one, now) for one in charged]
        if all(state[0] > 0 or not policy.enforced for policy, state in zip(policies, states, strict=True)):
            for at, (policy, key, cost) in enumerate(charged):
                if states[at][0] == 1 and cost:
                    states[at] = self._count(policy, key, cost, now)
            return True, states, now
        for at, (policy, key, _) in enumerate(charged):
            if policy.enforced and policy.block and states[at][0] == 0:
                states[at] = self._deny(policy, key, now) or states[at]
        return False, states, now

    def peek(self, policies: list[Policy], keys: list[str], now: int) -> Tally:
        states = [self._look(policy, key, 1, now) for policy, key in zip(policies, keys, strict=True)]
        fits = all(state[0] > 0 or not policy.enforced for policy, state in zip(policies, states, strict=True))
        return fits, states, now

    def refund(self, debt: Debt, now: int) -> None:
        place = debt.policy.id, debt.key
        if debt.policy.lifts and self.blocked.get(place, 0) > now and self._weighed(debt):
            del self.blocked[place]
        self._take_off(debt, now)

    def _take_off(self, debt: Debt, now: int) -> None:
        policy, place = debt.policy, (debt.policy.id, debt.key)
        if policy.algorithm == LOG:
            for _ in range(debt.cost):
                if debt.state[3] in self.times.get(place, []):
                    self.times[place].remove(debt.state[3])
        elif policy.algorithm == BUCKET:
            owed = self._debt(policy, place, now)
            passed = max(0, now - debt.at) * Fraction(policy.quantity, policy.window)
            back = min(debt.cost * PARTS, max(0, debt.state[1] - int(passed)))
            self.debts[place] = (now, max(0, owed - back))
        else:
            cell, _ = self._turned(policy, place, now)
            charged = debt.at // policy.span
            if charged == cell.index:
                cell.current = max(0, cell.current - debt.cost)
            elif charged == cell.index - 1:
                cell.previous = max(0, cell.previous - debt.cost)
            if place in self.cells:
                self.cells[place] = cell

    def renew(self, debt: Debt, now: int) -> Debt:
        self._take_off(debt, now)
        self._look(debt.policy, debt.key, 0, now)
        return debt._replace(state=self._count(debt.policy, debt.key, debt.cost, now))

    def forget(self, policy: Policy, key: str) -> None:
        for kept in (self.cells, self.debts, self.times, self.blocked, self.rows, self.began):
            kept.pop((policy.id, key), None)

    def block(self, policy: Policy, key: str, seconds: int, now: int) -> None:
        place = policy.id, key
        self.rows.pop(place, None)
        self.blocked.pop(place, None)
        self.began.pop(place, None)
        if seconds:
            self.blocked[place] = now + seconds * PARTS

    def _look(self, policy: Policy, key: str, cost: int, now: int) -> State:
        place = policy.id, key
        if policy.enforced and self.blocked.get(place, 0) > now:
            return -1, self.blocked[place] - now, 0, 0
        if policy.algorithm == LOG:
            return self._look_at_log(policy, place, cost, now)
        if policy.algorithm == BUCKET:
            debt = self._debt(policy, place, now)
            return int(debt + cost * PARTS <= (policy.burst or policy.quantity) * PARTS), debt, 0, 0
        cell, part = self._turned(policy, place, now)
        estimate = cell.previous * (1 - Fraction(part, PARTS)) + cell.current
        return int(estimate + cost - Fraction(1, 2) < policy.quantity), part, cell.previous, cell.current

    def _look_at_log(self, policy: Policy, place: Place, cost: int, now: int) -> State:
        times = self.times.get(place, [])
        if times and times[-1] > now + policy.span:
            times = []
        times = self.times[place] = [time for time in times if time > now - policy.span]
        oldest = times[0] + policy.span - now if times else 0
        if len(times) + cost <= policy.quantity:
            return 1, len(times), oldest, 0
        wait = 2 * policy.span if cost > policy.quantity else 0
        return 0, len(times), oldest, wait or times[len(times) + cost - policy.quantity - 1] + policy.span - now

    def _count(self, policy: Policy, key: str, cost: int, now: int) -> State:
        place = policy.id, key
        if policy.algorithm == LOG:
            times = self.times[place]
            mark = max([now, *times])
            times += [mark] * cost
            return 1, len(times), times[0] + policy.span - now, mark
        if policy.algorithm == BUCKET:
            debt = self._debt(policy, place, now) + cost * PARTS
            self.debts[place] = (now, debt)
            return 1, debt, 0, 0
        cell, part = self._turned(policy, place, now)
        cell.current += cost
        self.cells[place] = cell
        return 1, part, cell.previous, cell.current

    def _deny(self, policy: Policy, key: str, now: int) -> State | None:
        place = policy.id, key
        count, last = self.rows.pop(place, (0, 0))
        count = count + 1 if count and 0 <= now - last <= policy.span else 1
        if count >= policy.after:
            self.blocked[place] = now + policy.block * PARTS
            self.began[place] = now
            return -1, policy.block * PARTS, 0, 0
        self.rows[place] = (count, now)
        return None

    def _weighed(self, debt: Debt) -> bool:
        policy, began = debt.policy, self.began.get((debt.policy.id, debt.key))
        if began is None:
            return False
        if policy.algorithm == LOG:
            return debt.state[3] + policy.span > began
        if policy.algorithm == BUCKET:
            return int(max(0, began - debt.at) * Fraction(policy.quantity, policy.window)) < debt.state[1]
        return began // policy.span - debt.at // policy.span <= 1

    def _debt(self, policy: Policy, place: Place, now: int) -> int:
        at, debt = self.debts.get(place, (now, 0))
        left = max(0, debt - int(abs(now - at) * Fraction(policy.quantity, policy.window)))
        return debt if left and now < at else left

    def _turned(self, policy: Policy, place: Place, now: int) -> tuple[Cell, int]:
        index, elapsed = divmod(now, policy.window * PARTS)
        part = elapsed // policy.window
        kept = self.cells.get(place)
        if kept is None or not index - 1 <= kept.index <= index + 1:
            return Cell(index, 0, 0), part
        if kept.index == index - 1:
            return Cell(index, 0, kept.current), part
        return Cell(kept.index, kept.current, kept.previous), part if kept.index == index else 0
