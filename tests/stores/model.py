"""The sliding window of two counters as one would write it down: exact fractions, one key at a time, no store."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from wsgi_guard.stores import Policy, State, Tally

PARTS = 1_000_000


@dataclass
class Cell:
    index: int
    current: int
    previous: int


@dataclass
class Model:
    """Counters by (policy id, key). A clock that goes back less than a window stands still, else it starts anew."""

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def charge(self, policies: list[Policy], keys: list[str], now: int) -> Tally:
        turned = [self._turned(policy, key, now) for policy, key in zip(policies, keys, strict=True)]
        fit = [
            cell.previous * (1 - Fraction(part, PARTS)) + cell.current + Fraction(1, 2) < policy.quantity
            for policy, (cell, part) in zip(policies, turned, strict=True)
        ]
        admitted = all(fits or not policy.enforced for fits, policy in zip(fit, policies, strict=True))
        if admitted:
            for policy, key, fits, (cell, _) in zip(policies, keys, fit, turned, strict=True):
                if fits:
                    cell.current += 1
                    self.cells[policy.id, key] = cell
        states: list[State] = [
            (fits, part, cell.previous, cell.current) for fits, (cell, part) in zip(fit, turned, strict=True)
        ]
        return admitted, states

    def _turned(self, policy: Policy, key: str, now: int) -> tuple[Cell, int]:
        index, elapsed = divmod(now, policy.window * PARTS)
        part = elapsed // policy.window
        kept = self.cells.get((policy.id, key))
        if kept is None or not index - 1 <= kept.index <= index + 1:
            return Cell(index, 0, 0), part
        if kept.index == index - 1:
            return Cell(index, 0, kept.current), part
        return Cell(kept.index, kept.current, kept.previous), part if kept.index == index else 0
