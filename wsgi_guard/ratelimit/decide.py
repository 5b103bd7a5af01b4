"""The policy, pure: which rules a request meets, and what a tally means.

How rules combine: every rule that matches is charged, in the order of the file; a matching exempt rule ends the
matching, so rules before it are charged and those after it are not. OPTIONS is never matched. Any enforced limit that
is over denies the request, and a denied request has spent nothing; a shadow limit is counted beside and only reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.routes import Template
from wsgi_guard.stores import State
from wsgi_guard.stores.contract import BUCKET, WINDOW
from wsgi_guard.stores.standing import left, renewal, wait
from wsgi_guard.stores.window import PARTS

from .rules import MOST, Quota, Rule


class Match(NamedTuple):
    """`rules` to charge; `exempt` when a rule said that nothing further applies, decorators included."""

    rules: tuple[Rule, ...]
    exempt: bool


class Verdict(NamedTuple):
    """`denied` limits stand in the way for `wait` whole seconds; `shadowed` ones would have."""

    denied: list[Quota]
    shadowed: list[Quota]
    wait: int


# How a limit stands: (left, -reset, label, quota), so that sorting puts the tightest first. `left` charges fit now;
# `reset` is seconds until one more fits if none does, else until the running window ends; 0 for requests in flight,
# whose end nobody knows. A plain tuple: each limit of
# each answer makes one.
Standing = tuple[int, int, str, Quota]


def match(rules: Iterable[Rule], templates: Collection[Template], verb: str) -> Match:
    """The rules that path and method match; those that exempt some requests only stand among them, see `chosen`.

    `verb` is the method in capitals; `templates` are those that any form of the path matches.
    """
    found: list[Rule] = []
    if verb == "OPTIONS":
        return Match((), exempt=False)
    for rule in rules:
        if not applies(rule, templates, verb):
            continue
        if rule.exempt and rule.conditions is None:
            return Match(tuple(found), exempt=True)
        found.append(rule)
    return Match(tuple(found), exempt=False)


def applies(rule: Rule, templates: Collection[Template], verb: str) -> bool:
    if rule.methods and verb not in rule.methods:
        return False
    return rule.templates is None or not rule.templates.isdisjoint(templates)


def chosen(rules: Iterable[Rule], facts: Facts, *, exempt: bool) -> Match:
    """Those of the matching rules whose conditions this request meets; `exempt` as `match` found."""
    found: list[Rule] = []
    for rule in rules:
        if rule.conditions is not None and not rule.conditions.hold(facts):
            continue
        if rule.exempt:
            return Match(tuple(found), exempt=True)
        found.append(rule)
    return Match(tuple(found), exempt=exempt)


def judge(
    quotas: Sequence[Quota], states: Sequence[State], costs: Sequence[int] | None = None, soon: Collection[Quota] = ()
) -> Verdict:
    """`soon` are limits at which requests stand that still run: each may make room when it ends."""
    denied: list[Quota] = []
    shadowed: list[Quota] = []
    longest = 1
    for at, (quota, state) in enumerate(zip(quotas, states, strict=True)):
        if state[0] > 0:
            continue
        if quota.enforced:
            denied.append(quota)
            if quota not in soon:
                longest = max(longest, delay(quota, state, costs[at] if costs else 1))
        else:
            shadowed.append(quota)
    return Verdict(denied, shadowed, longest)


def delay(quota: Quota, state: State, cost: int = 1) -> int:
    """Whole seconds until it is worth asking again. A place among requests in flight may be free at any moment."""
    if quota.lease and not state[0] and cost <= quota.quantity:
        return 1
    return seconds(wait(quota, state, cost))


def standings(
    quotas: Sequence[Quota], states: Sequence[State], costs: Sequence[int] | None = None
) -> list[Standing]:
    """Enforced limits, the tightest first: fewest requests of these costs left, then longest to wait."""
    found: list[Standing] = []
    rank: dict[Quota, int] = {}
    for at, (quota, state) in enumerate(zip(quotas, states, strict=True)):
        if not quota.enforced or (quota.silent and state[0] > 0):
            continue
        charges, cost = left(quota, state), costs[at] if costs else 1
        if costs:
            rank[quota] = charges // cost if cost else MOST if state[0] > 0 else 0
        if quota.lease and state[0] >= 0:
            sooner = 0
        else:
            sooner = seconds(renewal(quota, state) if charges >= cost else wait(quota, state, cost))
        found.append((charges, -sooner, quota.label, quota))
    if len(found) > 1:
        found.sort()
        if rank:
            found.sort(key=lambda one: (rank[one[3]], one[1]))
    return found


def unspent(quota: Quota, state: State, cost: int) -> State:
    """The state once a charge of `cost` that is in it has been given back."""
    fits, a, b, c = state
    if quota.algorithm == WINDOW:
        return fits, a, b, max(0, c - cost)
    if quota.algorithm == BUCKET:
        return fits, max(0, a - cost * PARTS), b, c
    return fits, max(0, a - cost), b, c


def seconds(microseconds: int) -> int:
    """Whole seconds, rounded up."""
    return -(-microseconds // 1_000_000)
