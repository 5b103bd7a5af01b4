"""The policy, pure: which rules a request meets, and what a tally means.

How rules combine: every rule that matches is charged, in the order of the file; a matching exempt rule ends the
matching, so rules before it are charged and those after it are not. OPTIONS is never matched. Any enforced limit that
is over denies the request, and a denied request has spent nothing; a shadow limit is counted beside and only reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from wsgi_guard.routes import Template
from wsgi_guard.stores import State
from wsgi_guard.stores.window import PARTS, remaining, seconds, wait

from .rules import Quota, Rule


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
# `reset` is seconds until one more fits if none does, else until the running window ends. A plain tuple: each limit of
# each answer makes one.
Standing = tuple[int, int, str, Quota]


def match(rules: Iterable[Rule], templates: Collection[Template], verb: str) -> Match:
    """`verb` is the method, GET for HEAD; `templates` are those that any form of the path matches."""
    found: list[Rule] = []
    if verb == "OPTIONS":
        return Match((), exempt=False)
    for rule in rules:
        if not applies(rule, templates, verb):
            continue
        if rule.exempt:
            return Match(tuple(found), exempt=True)
        found.append(rule)
    return Match(tuple(found), exempt=False)


def applies(rule: Rule, templates: Collection[Template], verb: str) -> bool:
    if rule.methods and verb not in rule.methods:
        return False
    return rule.templates is None or not rule.templates.isdisjoint(templates)


def judge(quotas: Sequence[Quota], states: Sequence[State]) -> Verdict:
    denied: list[Quota] = []
    shadowed: list[Quota] = []
    longest = 1
    for quota, (fits, part, previous, current) in zip(quotas, states, strict=True):
        if fits:
            continue
        if quota.enforced:
            denied.append(quota)
            longest = max(longest, seconds(wait(quota.scaled, part, previous, current), quota.window))
        else:
            shadowed.append(quota)
    return Verdict(denied, shadowed, longest)


def standings(quotas: Sequence[Quota], states: Sequence[State]) -> list[Standing]:
    """Enforced limits, the tightest first: fewest charges left, then longest to wait."""
    found: list[Standing] = []
    for quota, (_, part, previous, current) in zip(quotas, states, strict=True):
        if not quota.enforced:
            continue
        left = remaining(quota.quantity, part, previous, current) if previous else quota.quantity - current
        parts = PARTS - part if left > 0 else wait(quota.scaled, part, previous, current)
        found.append((left if left > 0 else 0, parts * quota.window // -PARTS, quota.label, quota))
    if len(found) > 1:
        found.sort()
    return found
