"""Connects the policy to a request: plan, one charge to the store, verdict; what is left goes out with the answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from time import time

from wsgi_guard.errors import Outage, StoreError
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Head, Header
from wsgi_guard.recent import Recent
from wsgi_guard.routes import Route, Routes
from wsgi_guard.settings.sections import GuardSection, RateLimitSection
from wsgi_guard.stores import State, Store, Tally

from . import answer
from .decide import judge, match, standings
from .fallback import Fallback
from .plan import Plan, Spent
from .reports import Reports
from .rules import Quota, Rule, Rules

log = logging.getLogger("wsgi_guard")

NAME = "rate_limit"
SHARED = (
    "requests come through a proxy, but guard.trusted_proxies is not set: all clients may share the proxy's address, "
    "so the built-in rules by ip only report; set guard.trusted_proxies to the proxy's network, or to [] for none"
)


class RateLimit:
    """The layer. Raises ConfigurationError with every problem of the rules.

    `own_paths` are the guard's, given exactly, and free. `workers` share a host, and so a limit when the store is away.
    """

    name = NAME

    def __init__(
        self,
        section: RateLimitSection,
        guard: GuardSection,
        routes: Routes,
        store: Store,
        *,
        own_paths: frozenset[str] = frozenset(),
        workers: int = 1,
    ) -> None:
        self._rules = Rules(section, guard, routes)
        self._store = store
        self._fallback = Fallback(section.max_keys, workers)
        self._own_paths = own_paths
        self._form = section.headers
        self._warned = False
        self._reports = Reports()
        verbs = {"OPTIONS"}.union(*(rule.methods for rule in self._rules.all))
        # Methods that no rule names are all alike: what is kept at a route does not grow by what clients invent.
        self._memos = {verb: (NAME, verb) for verb in verbs}
        self._plans: Recent[tuple[object, ...], Plan] = Recent(1024)

    @property
    def degraded(self) -> str | None:
        """Why the store is not used, None while it is."""
        return self._fallback.degraded

    def start(self) -> None:
        for note in self._rules.notes:
            log.warning("%s", note)

    def before(self, facts: Facts) -> None:
        """Raises Refused when a limit is over."""
        route = facts.route
        memo = self._memos.get(facts.verb, NAME)
        plan = route.memo.get(memo)
        if plan is None:
            plan = route.memo[memo] = self._plan_for(route, facts.verb)
        if not plan.quotas and route.given in self._own_paths and facts.root is not facts:
            # Inside another guard there is no health layer to answer these paths, so they are the app's.
            plan = self._matched(route, facts.verb)
        if plan.quotas:
            self._charge(facts, plan)
        else:
            facts.limits = plan.idle

    def after(self, facts: Facts, head: Head) -> None:
        spent: Spent | None = facts.limits
        if spent is None or not spent.states:
            return
        if not (spent.told and _tells(head)):
            head.headers += self._fields(spent)

    def spend(self, facts: Facts, name: str) -> None:
        """One more charge, of the rule `name` alone, unless this request met it already or is exempt.

        Raises Refused when it is over its limit, LookupError when there is no such rule.
        """
        rule = self._rules.named.get(name)
        if rule is None:
            known = ", ".join(sorted(self._rules.named)) or "none"
            raise LookupError(f"there is no rate limit rule {name!r} in the settings; known are: {known}")
        spent: Spent = facts.limits
        if spent.plan.exempt or name in spent.plan.names or not rule.quotas:
            return
        self._charge(facts, self._plan((rule,), exempt=False), spent)

    def _charge(self, facts: Facts, plan: Plan, earlier: Spent | None = None) -> None:
        if plan.guesses and facts.client.shared:
            plan = self._wary(plan)
        keys = plan.keys(facts)
        quotas: Sequence[Quota] = plan.quotas
        try:
            admitted, states = self._store.charge(quotas, keys)
        except StoreError as error:
            quotas, (admitted, states) = self._without_store(facts, plan, keys, error)
        else:
            if self._fallback.degraded is not None:
                self._fallback.worked()
        spent = Spent(self, plan, quotas, states)
        facts.limits = spent if earlier is None else spent.after(earlier)
        if not admitted or plan.shadows:
            self._judge(facts, quotas, states)

    def _judge(self, facts: Facts, quotas: Sequence[Quota], states: list[State]) -> None:
        verdict = judge(quotas, states)
        for quota in verdict.shadowed:
            count = self._reports.due(quota.id, facts.client_ip, facts.started)
            if count:
                told = f", {count} requests since the last line" if count > 1 else ""
                facts.decide(NAME, "shadow", quota.rule, _reason(quota) + told)
        for quota in verdict.denied:
            facts.decide(NAME, "deny", quota.rule, _reason(quota))
        if verdict.denied:
            spent: Spent = facts.limits
            spent.told = True
            raise answer.refusal(verdict, self._fields(spent))

    def _without_store(
        self, facts: Facts, plan: Plan, keys: Sequence[str], error: StoreError
    ) -> tuple[Sequence[Quota], Tally]:
        if self._fallback.failed(error):
            facts.decide(NAME, "degraded", "", str(error))
        try:
            return self._fallback.charge(plan.quotas, keys)
        except Outage as outage:
            facts.limits = facts.limits or plan.idle
            facts.decide(NAME, "deny", "", str(outage))
            raise outage from error

    def _fields(self, spent: Spent) -> list[Header]:
        found = standings(spent.quotas, spent.states or ()) if self._form != "none" else None
        if not found:
            return []
        headers = answer.ietf(spent.policy(), found) if self._form != "legacy" else []
        if self._form != "ietf":
            headers += answer.legacy(found, time())
        return headers

    def _plan_for(self, route: Route, verb: str) -> Plan:
        if route.given in self._own_paths:
            return self._plan((), exempt=False)
        return self._matched(route, verb)

    def _matched(self, route: Route, verb: str) -> Plan:
        found = match(self._rules.all, [hit.template for hit in route.hits], verb)
        return self._plan(found.rules, exempt=found.exempt)

    def _plan(self, rules: tuple[Rule, ...], *, exempt: bool) -> Plan:
        key = (exempt, *rules)
        plan = self._plans.get(key)
        if plan is None:
            quotas = tuple(quota for rule in rules for quota in rule.quotas)
            plan = Plan(self, frozenset(rule.name for rule in rules), quotas, exempt)
            self._plans.put(key, plan)
        return plan

    def _wary(self, plan: Plan) -> Plan:
        if not self._warned:
            self._warned = True
            log.warning(SHARED)
        if plan.wary is None:
            quotas = tuple(replace(quota, enforced=False) if quota.guess else quota for quota in plan.quotas)
            plan.wary = Plan(self, plan.names, quotas, plan.exempt)
        return plan.wary


def _reason(quota: Quota) -> str:
    return f"over {quota.quantity} in {quota.window} s"


def _tells(head: Head) -> bool:
    """Whether the fields stand there: the answer was made from the refusal, which has them."""
    return any(str(name).lower() in ("ratelimit", "x-ratelimit-limit") for name, _ in head.headers)
