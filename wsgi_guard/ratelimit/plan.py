"""What the requests of a route are to be charged, and what one of them has been.

A plan is made once per set of rules and kept at the route, so that a request costs little more than its charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wsgi_guard.facts import Facts
from wsgi_guard.stores import State

from . import answer
from .keys import Keyer
from .rules import Quota

if TYPE_CHECKING:
    from .layer import RateLimit


class Plan:
    """`quotas` are charged in one go, whose rules are `names`; `exempt` when a rule said that nothing further applies.

    `wary` is the plan for clients that may share an address, made when it is needed.
    """

    __slots__ = ("exempt", "guesses", "idle", "keyers", "names", "policy", "quotas", "shadows", "slots", "wary")

    def __init__(self, layer: RateLimit, names: frozenset[str], quotas: tuple[Quota, ...], exempt: bool) -> None:
        self.names = names
        self.quotas = quotas
        self.exempt = exempt
        self.keyers: tuple[Keyer, ...] = tuple(dict.fromkeys(quota.key for quota in quotas))
        self.slots = tuple(self.keyers.index(quota.key) for quota in quotas)
        self.policy = answer.policy(quotas)
        self.guesses = any(quota.guess and quota.enforced for quota in quotas)
        self.shadows = any(not quota.enforced for quota in quotas)
        self.wary: Plan | None = None
        self.idle = Spent(layer, self, quotas, None)

    def keys(self, facts: Facts) -> Sequence[str]:
        """A key for each quota; each keyer is asked once."""
        if len(self.keyers) == 1:
            return (self.keyers[0](facts),) * len(self.slots)
        found = [keyer(facts) for keyer in self.keyers]
        return [found[slot] for slot in self.slots]


class Spent:
    """What a request has been charged, kept at its facts; made in each request, hence no dataclass.

    `states` is None when nothing was charged: such a one belongs to the plan and is shared. `plan` is that of the
    request's path, whatever decorators add to `quotas`. `told`: a refusal has carried the fields out already.
    """

    __slots__ = ("layer", "plan", "quotas", "states", "told")

    def __init__(self, layer: RateLimit, plan: Plan, quotas: Sequence[Quota], states: list[State] | None) -> None:
        self.layer = layer
        self.plan = plan
        self.quotas = quotas
        self.states = states
        self.told = False

    def policy(self) -> str:
        """The value of RateLimit-Policy."""
        return self.plan.policy if self.quotas is self.plan.quotas else answer.policy(self.quotas)

    def after(self, earlier: Spent) -> Spent:
        """This charge together with an earlier one of the same request; of a limit charged twice the later counts."""
        labels = {quota.label for quota in self.quotas}
        old = [pair for pair in zip(earlier.quotas, earlier.states or ()) if pair[0].label not in labels]  # noqa: B905
        quotas = [quota for quota, _ in old] + list(self.quotas)
        both = Spent(self.layer, earlier.plan, quotas, [state for _, state in old] + list(self.states or ()))
        both.told = earlier.told
        return both
