"""What the requests of a route are to be charged, and what one of them has been.

A plan is made once per set of limits and kept at the route, so that a request costs little more than its charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Header
from wsgi_guard.stores import Debt, State, Store

from . import answer
from .decide import standings
from .keys import Keyer
from .rules import Quota, Rule

if TYPE_CHECKING:
    from .layer import RateLimit

MOST_COST = 10**9


class Plan:
    """`quotas` are charged in one go, whose rules are `rules`; `exempt` when a rule said that nothing further applies.

    `varies`: whether `rules` match, or what they allow, depends on the request beyond its path; then `rules` are the
    candidates and the plan is only where to begin. `wary` is the plan for clients that may share an address.
    """

    __slots__ = (
        "ahead", "costs", "exempt", "guesses", "idle", "keyers", "layer", "names", "policy", "quotas", "returns",
        "rows", "rules", "shadows", "spread", "tells", "told", "varies", "wary",
    )  # fmt: skip

    def __init__(
        self, layer: RateLimit, rules: tuple[Rule, ...], quotas: tuple[Quota, ...], *, exempt: bool, varies: bool
    ) -> None:
        self.layer = layer
        self.rules = rules
        self.names = frozenset(rule.name for rule in rules)
        self.quotas = quotas
        self.exempt = exempt
        self.varies = varies
        self.keyers: tuple[Keyer, ...] = tuple(dict.fromkeys(quota.key for quota in quotas))
        # Puts what the keyers found where the quotas stand.
        self.spread = itemgetter(*(self.keyers.index(quota.key) for quota in quotas)) if len(self.keyers) > 1 else None
        self.policy = answer.policy(quotas)
        self.told: Header = ("RateLimit-Policy", self.policy)
        self.guesses = any(quota.guess and quota.enforced for quota in quotas)
        self.shadows = any(not quota.enforced for quota in quotas)
        self.tells = any(quota.enforced for quota in quotas)
        self.returns = any(quota.returns for quota in quotas)
        # One limit that has to be asked about makes the trip for all.
        self.ahead = bool(quotas) and all(quota.ahead > 1 for quota in quotas)
        self.costs = any(quota.cost != 1 for quota in quotas)
        self.rows = () if self.costs else answer.rows(quotas)
        self.wary: Plan | None = None
        self.idle = Spent(self, quotas, None)

    def keys(self, facts: Facts) -> Sequence[str]:
        """A key for each quota; each keyer is asked once."""
        if self.spread is None:
            return (self.keyers[0](facts),) * len(self.quotas)
        found: Sequence[str] = self.spread([keyer(facts) for keyer in self.keyers])
        return found

    def costs_of(self, facts: Facts) -> Sequence[int] | None:
        """What the request costs each quota; None for 1 each. Raises ValueError for a function's nonsense."""
        return [cost_of(quota, facts) for quota in self.quotas] if self.costs else None


def cost_of(quota: Quota, facts: Facts) -> int:
    if isinstance(quota.cost, int):
        return quota.cost
    found = quota.cost(facts.environ)
    if type(found) is not int or not 0 <= found <= MOST_COST:
        raise ValueError(f"the cost function of rate limit rule {quota.rule!r} must return 0 to {MOST_COST}")
    return found


class Owing(NamedTuple):
    """A charge that is given back at the end of the request, unless its quota counts what came of it."""

    store: Store
    debt: Debt
    quota: Quota


class Spent:
    """What a request has been charged, kept at its facts; made in each request, hence no dataclass.

    `states` is None when nothing was charged: such a one belongs to the plan and is shared. `plan` is that of the
    request's path, whatever decorators add to `quotas`. `told`: a refusal has carried the fields out already.
    """

    # Defaults stand on the class: most requests have none of these.
    costs: Sequence[int] | None = None
    owing: list[Owing] | None = None
    told = False

    def __init__(self, plan: Plan, quotas: Sequence[Quota], states: Sequence[State] | None) -> None:
        self.plan = plan
        self.quotas = quotas
        self.states = states

    @property
    def layer(self) -> RateLimit:
        return self.plan.layer

    def usual(self) -> tuple[Header, ...] | None:
        """The fields of the form "ietf" where that is told in short: nearly always."""
        plan, states = self.plan, self.states
        if states is None or self.owing is not None or self.quotas is not plan.quotas:
            return None
        if not plan.tells:
            return ()
        if not plan.rows:
            return None
        item = answer.usual(plan.rows, states)
        return None if item is None else (plan.told, ("RateLimit", item))

    def fields(self, form: str, states: Sequence[State], now: float) -> list[Header]:
        """What answers tell of limits that stand so; `now` is a Unix time."""
        plan, own = self.plan, self.quotas is self.plan.quotas
        found = standings(self.quotas, states, self.costs)
        return answer.fields(form, plan.policy if own else answer.policy(self.quotas), found, now) if found else []

    def after(self, earlier: Spent) -> Spent:
        """This charge together with an earlier one of the same request; of a limit charged twice the later counts."""
        labels = {quota.label for quota in self.quotas}
        places = [at for at in range(len(earlier.states or ())) if earlier.quotas[at].label not in labels]
        quotas = [earlier.quotas[at] for at in places] + list(self.quotas)
        states = [(earlier.states or ())[at] for at in places] + list(self.states or ())
        both = Spent(earlier.plan, quotas, states)
        if earlier.costs or self.costs:
            before = [earlier.costs[at] if earlier.costs else 1 for at in places]
            both.costs = before + list(self.costs or [1] * len(self.quotas))
        both.told = earlier.told
        both.owing = (earlier.owing or []) + (self.owing or []) or None
        return both
