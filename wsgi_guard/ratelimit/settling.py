"""What of a request's charges stays, as far as its end decides that."""

from __future__ import annotations

from wsgi_guard.facts import Facts
from wsgi_guard.settings.sections import THREATS
from wsgi_guard.stores import State

from .decide import unspent
from .ledger import counts
from .plan import Spent


def as_settled(facts: Facts, spent: Spent, code: int) -> list[State]:
    """States as they will be once what does not count has been given back; a place in use stays taken until then."""
    threat = found_threat(facts)
    back = {id(one.debt.state): one for one in spent.owing or () if not one.quota.lease}
    return [
        unspent(quota, state, back[id(state)].debt.cost)
        if id(state) in back and not counts(quota, code, threat)
        else state
        for quota, state in zip(spent.quotas, spent.states or (), strict=True)
    ]


def found_threat(facts: Facts) -> bool:
    return any(made.layer == "validation" and made.rule in THREATS for made in facts.root.decisions or ())
