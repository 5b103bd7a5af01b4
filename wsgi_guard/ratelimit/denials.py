"""Who is known to be over a limit, and until when: a flood is answered from here, without the store.

What the store said holds until the moment it gave, since nobody else's charge can end it sooner; only a reset can, and
that changes the store's generation. Not remembered is what may end at any time: a denial by charges that may be given
back, unless the key is blocked, and one that still counts towards a block. Pure: `now` is given, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_guard.recent import Recent
from wsgi_guard.stores import State

from .reports import BURST, Told, reason
from .rules import Quota

SIZE = 4096
"""Half of the most denials remembered, at about 300 bytes each; who is forgotten is denied by the store again."""


class Denial:
    """`quota` is over for `key` and charges of `cost` or more until `until`; for all charges when it is `blocked`.

    `told` knows when a log line about it is due.
    """

    __slots__ = ("blocked", "cost", "generation", "key", "quota", "reason", "told", "until")

    def __init__(
        self, quota: Quota, key: str, cost: int, until: float, generation: int, now: float, *, blocked: bool
    ) -> None:
        self.quota = quota
        self.key = key
        self.cost = 0 if blocked else cost
        self.blocked = blocked
        self.reason = reason(quota, blocked=blocked)
        self.until = until
        self.generation = generation
        self.told = Told(now, BURST)


class Denials(Recent[tuple[Quota, str], Denial]):
    """By limit and key. Falsy while nobody is denied, which is all that most requests ask."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(SIZE)

    def find(
        self, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None, generation: int, now: float
    ) -> list[Denial]:
        """Those that stand in the way of a charge."""
        found: list[Denial] = []
        for at, place in enumerate(zip(quotas, keys, strict=True)):
            denial = self.get(place)
            if denial is None:
                continue
            if denial.until <= now or denial.generation != generation:
                self.forget(place)
            elif denial.cost <= (costs[at] if costs else 1):
                found.append(denial)
        return found


def holds(quota: Quota, state: State) -> bool:
    """Whether a denial stays one until the time the store gave."""
    blocked = state[0] < 0
    return quota.enforced and state[0] <= 0 and (blocked or not (quota.returns or quota.block))
