"""One slot of a shared table within a charge: what it says, what it is to say, how long it matters.

Its numbers are, for a sliding window: index, current, previous; for a bucket: time, debt; for a log: the number of its
first entry and of the next.
"""

from __future__ import annotations

from . import block, bucket, window
from .block import Block
from .contract import BUCKET, WINDOW, Debt, Policy, State
from .shared_logs import SharedLog
from .shared_table import SharedTable, Slot
from .standing import LONGEST_BLOCK
from .window import PARTS

LONGEST = LONGEST_BLOCK * 1_000_000


class Look:
    """One policy and key within a charge, its stripe being held."""

    __slots__ = ("_index", "_log", "_stripe", "_table", "slot")

    def __init__(self, table: SharedTable, stripe: int, digest: int, now: int, *, claim: bool) -> None:
        self._table = table
        self._stripe = stripe
        self._index = 0
        self._log: SharedLog | None = None
        self.slot = table.find(stripe, digest, now, claim=claim) or Slot(0, digest.to_bytes(16, "little"))

    def state(self, policy: Policy, cost: int, now: int) -> State:
        slot = self.slot
        if slot.until and policy.enforced:
            left = block.left(Block(slot.until, slot.denials, slot.last), now, LONGEST)
            if left:
                return -1, left, 0, 0
        if policy.algorithm == WINDOW:
            part, previous, current = self._window(policy, now)
            return window.fits(policy.scaled, part, previous, current, cost), part, previous, current
        if policy.algorithm == BUCKET:
            debt = bucket.owed(slot.b, policy.quantity, policy.window, now - slot.a)
            return bucket.fits(policy.brim, debt, cost), debt, 0, 0
        return self._logged(policy, cost, now)

    def count(self, policy: Policy, state: State, cost: int, now: int) -> State:
        _, a, b, c = state
        if policy.algorithm == WINDOW:
            self.keep(policy, self.slot._replace(a=self._index, b=c + cost, c=b), now)
            return 1, a, b, c + cost
        if policy.algorithm == BUCKET:
            debt = a + cost * PARTS
            self.keep(policy, self.slot._replace(a=now, b=debt), now)
            return 1, debt, 0, 0
        log = self._log or SharedLog(self._table, self._stripe, self.slot)
        mark = max(now, log.time(log.used - 1, now)) if log.used else now
        log.append(mark, cost, now, policy.span)
        self.keep(policy, self.slot._replace(a=log.first, b=log.end), now)
        return 1, log.used, log.time(0, now) + policy.span - now, mark

    def deny(self, policy: Policy, state: State, now: int) -> State:
        """One more denial; the state of a block where it brings one."""
        slot = self.slot
        found = block.denied(
            Block(slot.until, slot.denials, slot.last), now, policy.block, policy.after, policy.span
        )
        self.keep(policy, slot._replace(until=found.until, denials=found.denials, last=found.last), now)
        return (-1, found.until - now, 0, 0) if found.until else state

    def refund(self, debt: Debt, now: int) -> bool:
        """Whether this lifted a block."""
        policy, slot = debt.policy, self.slot
        if not slot.at:
            return False
        lifted = block.lifted(Block(slot.until, slot.denials, slot.last), debt, now)
        if lifted:
            slot = self.slot = slot._replace(until=0, denials=0, last=0)
        if policy.algorithm == WINDOW:
            _, previous, current = self._window(policy, now)
            previous, current = window.refunded(self._index, previous, current, debt.cost, debt.at // policy.span)
            self.keep(policy, slot._replace(a=self._index, b=current, c=previous), now)
        elif policy.algorithm == BUCKET:
            owed = bucket.owed(slot.b, policy.quantity, policy.window, now - slot.a)
            back = bucket.refundable(debt.cost, debt.state[1], policy.quantity, policy.window, now - debt.at)
            self.keep(policy, slot._replace(a=now, b=max(0, owed - back)), now)
        else:
            log = SharedLog(self._table, self._stripe, slot)
            log.remove(debt.state[3], debt.cost, now)
            self.keep(policy, slot._replace(a=log.first, b=log.end), now)
        return lifted

    def renew(self, debt: Debt, now: int) -> State:
        """Moves an entry of a log to its end."""
        log = self._log = SharedLog(self._table, self._stripe, self.slot)
        log.remove(debt.state[3], debt.cost, now)
        log.prune(now, debt.policy.span)
        return self.count(debt.policy, debt.state, debt.cost, now)

    def keep(self, policy: Policy, slot: Slot, now: int) -> None:
        """Writes the slot, to be kept while it matters."""
        if policy.algorithm == WINDOW:
            end = (slot.a + 2) * policy.span
        elif policy.algorithm == BUCKET:
            end = now + slot.b * policy.window // max(1, policy.quantity) + 1
        else:
            end = now + policy.span + 1
        self._table.write(slot, max(end, slot.last + policy.span) if slot.denials else end)

    def _window(self, policy: Policy, now: int) -> tuple[int, int, int]:
        """Part, previous and current at `now`, which may set the number of the window."""
        slot = self.slot
        index, elapsed = divmod(now, policy.span)
        part = elapsed // policy.window
        if slot.a == index + 1 and (slot.b or slot.c):
            # Another process was a moment ahead, or the clock went back: as if that window had just begun.
            index, part = slot.a, 0
        self._index = index
        if slot.a == index:
            return part, slot.c, slot.b
        return part, slot.b if slot.a == index - 1 else 0, 0

    def _logged(self, policy: Policy, cost: int, now: int) -> State:
        log = self._log = SharedLog(self._table, self._stripe, self.slot)
        log.prune(now, policy.span)
        if log.first != self.slot.a and self.slot.at:
            # What has expired has, even should the clock go back.
            self.slot = self.slot._replace(a=log.first, b=log.end)
            self.keep(policy, self.slot, now)
        used = log.used
        oldest = log.time(0, now) + policy.span - now if used else 0
        if used + cost <= policy.quantity:
            return 1, used, oldest, 0
        if cost > policy.quantity:
            return 0, used, oldest, 2 * policy.span
        return 0, used, oldest, max(1, log.time(used + cost - policy.quantity - 1, now) + policy.span - now)
