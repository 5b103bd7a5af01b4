"""What a fleet has counted and who may speak: sums and claims in the store that rate limits use.

Made of what every store offers anyway. A sum is a sliding window so wide that nothing leaves it, and its two counters
tell it exactly; a claim is a log that holds one entry. A store that is away is asked three times, and then for a while
the process counts for itself: better told by each worker than by none.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple, TypeVar

from wsgi_guard.errors import StoreError
from wsgi_guard.stores import MemoryStore, Policy, Store
from wsgi_guard.stores.contract import LOG, State

from . import decide
from .rules import Rule

T = TypeVar("T")
log = logging.getLogger("wsgi_guard.alerts")

MONTH = 31 * 86400  # seconds; the widest window of a store
DAY = 86400
MOST = 10**9
FAILURES = 3
PAUSE = 10.0
"""Seconds for which nobody asks a store that failed three times in a row."""
LARGEST_LOG = 10_000
"""Entries; a count rule above is estimated by a sliding window, which costs two counters."""
OWN_KEYS = 10_000
BATCH = 16
"""Causes in one trip to the store."""

TOTAL = Policy("alerts:total", MOST, MONTH, enforced=False)
TOLD = Policy("alerts:told", MOST, MONTH, enforced=False)


class Sums(NamedTuple):
    total: int
    told: int
    fresh: int


class Counts:
    """`store` opens the store at first use; `quiet` seconds without an error make a cause a past one.

    `space` keeps apart what counts in one store and is no fleet, as staging and production.
    """

    def __init__(self, store: Callable[[], Store], quiet: int, space: str = "") -> None:
        self._store = store
        self._space = space
        self._fresh = Policy(f"alerts:fresh:{quiet}", MOST, quiet, enforced=False)
        self._own = MemoryStore(OWN_KEYS)
        self._failures = 0
        self._away_until = 0.0
        self._policies: dict[str, Policy] = {}

    @property
    def away(self) -> bool:
        """Whether this process counts for itself since the store does not answer."""
        return self._failures >= FAILURES

    def go_alone(self) -> None:
        """From now on this process counts for itself: it ends, and will not see the store again."""
        self._failures, self._away_until = FAILURES, math.inf

    def add(self, deltas: Sequence[tuple[str, int]]) -> list[Sums]:
        """The sums of each cause after so many more errors. Raises StoreError when it cannot tell."""
        found: list[Sums] = []
        for at in range(0, len(deltas), BATCH):
            part = deltas[at : at + BATCH]
            policies = [policy for _ in part for policy in (TOTAL, TOLD, self._fresh)]
            keys = [key for key, _ in part for _ in range(3)]
            costs = [cost for _, count in part for cost in (count, 0, count)]
            states = self._charge(policies, keys, costs)
            found += [Sums(*(_sum(state) for state in states[at : at + 3])) for at in range(0, len(states), 3)]
        return found

    def tell(self, key: str, count: int) -> None:
        """From now on so many more errors are told of."""
        if count:
            self._charge([TOLD], [key], [count])

    def claim(self, name: str, seconds: int, quantity: int = 1) -> bool:
        """True for the first `quantity` in a fleet who ask within `seconds`."""
        states = self._charge([self._log(seconds, quantity)], [name], [1])
        return states[0][0] == 1

    def claimed(self, name: str, seconds: int) -> bool:
        """Whether somebody has the claim."""
        policy = self._log(seconds, 1)
        found: list[State] = self._ask(lambda store: store.peek([policy], [self._space + name])[1])
        return found[0][0] != 1

    def release(self, name: str, seconds: int) -> None:
        policy = self._log(seconds, 1)
        self._ask(lambda store: store.forget([policy], [self._space + name]))

    def over(self, rule: Rule, count: int) -> bool:
        """Whether there are more events than the rule's count in its window, with `count` new ones."""
        if rule.most > LARGEST_LOG:
            [(_, part, previous, current)] = self._charge([self._window(rule, "events")], [rule.name], [count])
            return decide.sliding(part, previous, current) > rule.most
        policy = self._log(rule.window, rule.most, f"rule:{rule.name}:")
        fits, used, _, _ = self._charge([policy], [rule.name], [count])[0]
        if fits == 1:
            return False
        # Nothing was counted. The log is filled, so that what follows is over the count as well.
        if rule.most > used:
            self._charge([policy], [rule.name], [rule.most - used])
        return True

    def over_ratio(self, rule: Rule, errors: int, requests: int) -> bool:
        policies = [self._window(rule, "events"), self._window(rule, "requests")]
        states = self._charge(policies, [rule.name] * 2, [errors, requests])
        failed, asked = (decide.sliding(part, previous, current) for _, part, previous, current in states)
        return decide.over_ratio(failed, asked, rule.ratio, rule.requests)

    def _log(self, seconds: int, quantity: int, what: str = "claim:") -> Policy:
        name = f"alerts:{what}{seconds}:{quantity}"
        found = self._policies.get(name)
        if found is None:
            found = self._policies[name] = Policy(name, quantity, seconds, enforced=False, algorithm=LOG)
        return found

    def _window(self, rule: Rule, what: str) -> Policy:
        name = f"alerts:{what}:{rule.name}:{rule.window}"
        found = self._policies.get(name)
        if found is None:
            found = self._policies[name] = Policy(name, MOST, rule.window, enforced=False)
        return found

    def _charge(self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int]) -> list[State]:
        named = [self._space + key for key in keys]
        return self._ask(lambda store: store.charge(policies, named, costs)[1])

    def _ask(self, act: Callable[[Store], T]) -> T:
        if self._failures >= FAILURES and monotonic() < self._away_until:
            return act(self._own)
        try:
            found = act(self._store())
        except StoreError as error:
            self._failures += 1
            self._away_until = monotonic() + PAUSE
            if self._failures == FAILURES:
                log.warning("alerts are counted in each process by itself while the store is away: %s", error)
            raise
        if self._failures >= FAILURES:
            log.info("alerts are counted in the store again")
        self._failures = 0
        return found


def _sum(state: State) -> int:
    """What a sliding window has counted, in the running one and the one before."""
    return state[2] + state[3]
