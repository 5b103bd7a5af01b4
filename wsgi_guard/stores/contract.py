"""What a store of counters is, and the values that pass between it and those who charge it.

A store knows no request and no rule: it counts charges by opaque keys and says whether all of them fit. All stores
decide alike, by the arithmetic of `window.py`, `log.py`, `bucket.py` and `block.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from .window import PARTS

WINDOW, LOG, BUCKET = "sliding-window", "sliding-log", "token-bucket"

# One policy after a charge, as a plain tuple, since three of them are made in each request: (fits, a, b, c). `fits` is
# 1 when this policy alone would have let the charge pass, 0 when not, -1 while its key is blocked. Times are whole
# microseconds.
#   sliding-window   part, previous, current                                  see window.py
#   sliding-log      used, time until the oldest leaves, then: fits -> the entry's time, else -> the wait    see log.py
#   token-bucket     debt in parts, 0, 0                                      see bucket.py
#   blocked          time until the block ends, 0, 0
State = tuple[int, int, int, int]
# (admitted, states in the order of the charge, the store's time). When not admitted, nothing was counted.
Tally = tuple[bool, list[State], int]


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """`quantity` charges per key in `window` seconds, counted by `algorithm`.

    `id` names the counters: policies of one id share them, and must have one window and one algorithm. A policy that
    is not `enforced` counts what fits and never stands in the way of a charge. `burst` is what a token bucket holds, 0
    for its quantity. With `block`, in seconds, a key is shut out for so long once `after` charges in a row were denied,
    each within a window of the one before; where it `lifts`, a charge given back that weighed on the key then ends that
    block, for what brought it did not count. Compared by identity, which makes it a cheap key.
    """

    id: str
    quantity: int
    window: int
    enforced: bool = True
    algorithm: str = WINDOW
    burst: int = 0
    block: int = 0
    after: int = 1
    lifts: bool = False
    scaled: int = field(init=False, repr=False)
    span: int = field(init=False, repr=False)
    # What a bucket holds, in parts.
    brim: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scaled", self.quantity * PARTS)
        object.__setattr__(self, "span", self.window * PARTS)
        object.__setattr__(self, "brim", (self.burst or self.quantity) * PARTS)


class Debt(NamedTuple):
    """One charge that may be given back: what it was, and what the store said of it (`at` is the tally's time)."""

    policy: Policy
    key: str
    cost: int
    at: int
    state: State


class Store(Protocol):
    """Counters, shared by whoever opens the same place.

    Every method but `close` raises StoreError when it cannot tell: what was asked may then have happened or not. `now`
    is in microseconds, for tests; a store has a clock of its own.
    """

    name: str

    @property
    def generation(self) -> int:
        """Another number after each `forget` or unblocking by anybody, within a second: denials known before are void.

        Read in each denied request; costs no trip and never raises.
        """
        ...

    def charge(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:
        """Charges `costs` (0 to 10**9; absent: 1 each) to each policy, under the key of the same position: all or none.

        No policy stands there twice with the same key.
        """
        ...  # fmt: skip

    def peek(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        """What a charge of 1 each would find; counts, blocks and changes nothing. States are those before the charge.

        For a sliding-log that fits, the last value is 0.
        """
        ...

    def refund(self, debts: Sequence[Debt], now: int | None = None) -> None:
        """Takes charges back that fitted, each once. What has left its window by itself is not taken off twice.

        A block that this lifts, see `block.py`, ends as an unblocking does.
        """
        ...

    def renew(self, debts: Sequence[Debt], now: int | None = None) -> list[Debt]:
        """Charges of sliding logs stand as if made now, also where their window has passed; as they are to be refunded.
        """
        ...

    def forget(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> None:
        """Counters and blocks of each policy under the key of the same position begin anew."""
        ...

    def block(self, policies: Sequence[Policy], keys: Sequence[str], seconds: int, now: int | None = None) -> None:
        """Shuts each key out of its policy for `seconds` from now; 0 ends a block, counters stay."""
        ...

    def ping(self, timeout: float) -> None:
        """Raises StoreError unless the store answers within `timeout` seconds."""
        ...

    def close(self) -> None: ...
