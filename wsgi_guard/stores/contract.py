"""What a store of counters is, and the values that pass between it and those who charge it.

A store knows no request and no rule: it counts charges by opaque keys and says whether all of them fit. All stores
decide alike, by the arithmetic of `window.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .window import PARTS

# One policy's counters after a charge, as a plain tuple, since three of them are made in each request:
# (fits, part, previous, current). `fits` is true when this policy alone would have let the charge pass; the other
# three are what `window.py` reads.
State = tuple[int, int, int, int]
# (admitted, states in the order of the charge). When not admitted, nothing was counted for any policy.
Tally = tuple[bool, list[State]]


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """`quantity` charges per key in `window` seconds.

    `id` names the counters: policies of one id share them, so it must tell quantity and window apart. A policy that
    is not `enforced` counts what fits and never stands in the way of a charge. Compared by identity, which makes it a
    cheap key.
    """

    id: str
    quantity: int
    window: int
    enforced: bool = True
    scaled: int = field(init=False, repr=False)
    span: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scaled", self.quantity * PARTS)
        object.__setattr__(self, "span", self.window * PARTS)


class Store(Protocol):
    """Counters, shared by whoever opens the same place."""

    name: str

    def charge(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        """One charge against each policy, under the key of the same position: all of them or none.

        `now` is in microseconds, for tests; a store has a clock of its own. Raises StoreError when it cannot tell:
        the charges may then have been counted or not.
        """
        ...

    def ping(self, timeout: float) -> None:
        """Raises StoreError unless the store answers within `timeout` seconds."""
        ...

    def close(self) -> None: ...
