"""The rate limit layer: plans by route, charges in one step, and says so; keeps answering while its store is away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from ..errors import Outage, StoreError
from ..facts import Facts
from ..layer import Head
from ..routes import Routes
from ..settings.sections import GuardSection, RateLimitSection
from ..stores import MemoryStore, Policy, State, Store
from .answer import fields, refusal
from .decide import Plan, plan
from .keys import Keys
from .rules import Rule, called, compile_rules

log = logging.getLogger("wsgi_guard.rate_limit")


class Charged:
    """What one request has been charged so far; `RateLimit` fields come from here."""

    __slots__ = ("denied", "layer", "names", "plan", "policies", "states")

    def __init__(self, layer: RateLimit, names: frozenset[str], plan: Plan | None) -> None:
        self.layer = layer
        self.names = names
        self.plan = plan
        self.policies: Sequence[Policy] = ()
        self.states: Sequence[State] = ()
        self.denied = False


class RateLimit:
    """`own_paths` are never limited; `workers` processes share the limits while the store is away."""

    name = "rate_limit"

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
        self._keys = Keys(section.ipv6_prefix)
        self.rules = compile_rules(section, routes, self._keys)
        self._by_name = {rule.name: rule for rule in self.rules}
        self._section = section
        self._header = guard.forwarded_header
        self._store = store
        self._own_paths = own_paths
        self._workers = workers
        self._nearby = MemoryStore(section.max_keys)
        self._shared_told = False
        self.degraded: str | None = None

    def start(self) -> None:
        for rule in self.rules:
            if any(key.chosen_by_client for key in rule.keys):
                log.warning(
                    "rate limit rule %r is keyed by what a client chooses; it has a ceiling by address besides", rule.name
                )

    def before(self, facts: Facts) -> None:
        """Raises Refused (429), or Outage where the store is away and a rule says deny."""
        route = facts.route
        shared = facts.shared_address
        memo = (facts.verb, shared)
        found = route.memo.get(memo)
        if found is None:
            found = self._plan(facts)
            # A method is a client's word; only a few of them are worth a place.
            if len(route.memo) < 32:
                route.memo[memo] = found
        facts.limits = charged = Charged(self, found.names, found)
        if found.policies:
            self._charge(facts, charged, found)
        if shared and not self._shared_told:
            self._tell_shared()

    def after(self, facts: Facts, head: Head) -> None:
        charged: Charged | None = facts.limits
        if charged is None or charged.layer is not self or charged.denied or not charged.states:
            return
        policy_field = charged.plan.header if charged.plan else ""
        head.headers.extend(fields(self._section.headers, charged.policies, charged.states, policy_field))

    def charge_by_name(self, facts: Facts, charged: Charged, name: str) -> None:
        """Charges a rule that code names, unless the request was charged for it already. Raises as `before`."""
        if name in charged.names:
            return
        charged.names |= {name}
        before = charged.policies, charged.states
        self._charge(facts, charged, Plan([self._by_name[name]]))
        charged.policies = (*before[0], *charged.policies)
        charged.states = (*before[1], *charged.states)
        charged.plan = Plan([*(charged.plan.rules if charged.plan else ()), self._by_name[name]])

    def knows(self, name: str) -> bool:
        return name in self._by_name

    def _plan(self, facts: Facts) -> Plan:
        if facts.method == "OPTIONS" or facts.route.given in self._own_paths:
            return NOTHING
        return plan(self.rules, facts.route, facts.verb, shared_address=facts.shared_address)

    def _charge(self, facts: Facts, charged: Charged, found: Plan) -> None:
        keys = self._texts(facts, found)
        try:
            admitted, states = self._store.charge(found.policies, keys)
        except StoreError as error:
            self._lost(str(error))
            self._charge_nearby(facts, charged, found)
            return
        if self.degraded is not None:
            self._recovered()
        self._judge(facts, charged, found.policies, admitted, states)

    def _texts(self, facts: Facts, found: Plan) -> list[str]:
        texts = [self._keys.address(facts)] * len(found.policies)
        for at, key in found.others:
            texts[at] = key.of(facts)
        return texts

    def _judge(
        self, facts: Facts, charged: Charged, policies: Sequence[Policy], admitted: bool, states: Sequence[State]
    ) -> None:
        charged.policies, charged.states = policies, states
        for position, state in enumerate(states):
            if not state[0] and not policies[position].enforced:
                facts.decide(self.name, "shadow", called(policies[position]), "over the limit")
        if not admitted:
            charged.denied = True
            refused = refusal(self._section.headers, policies, states)
            facts.decide(self.name, "deny", ", ".join(refused.members["violated-policies"]), "over the limit")
            raise refused

    def _charge_nearby(self, facts: Facts, charged: Charged, found: Plan) -> None:
        """By each rule's policy for a lost store."""
        if any(rule.on_store_failure == "deny" for rule in found.rules):
            charged.denied = True
            facts.decide(self.name, "deny", "", "the store is away")
            raise Outage("the store of the rate limits")
        if found.local is None:
            found.local = Plan([divide(rule, self._workers) for rule in found.rules if rule.on_store_failure == "local"])
        local = found.local
        if local.policies:
            admitted, states = self._nearby.charge(local.policies, self._texts(facts, local))
            self._judge(facts, charged, local.policies, admitted, states)

    def _lost(self, why: str) -> None:
        if self.degraded is None:
            log.warning("the store of the rate limits is away, rules follow on_store_failure: %s", why)
        self.degraded = why

    def _recovered(self) -> None:
        self.degraded = None
        log.info("the store of the rate limits is back")

    def _tell_shared(self) -> None:
        self._shared_told = True
        log.warning(
            "a private or local peer sends %r and guard.trusted_proxies is not set: all clients may share one address, "
            "so the built-in rules only report; set trusted_proxies to your proxies' networks, or [] if there are none",
            self._header,
        )


def divide(rule: Rule, workers: int) -> Rule:
    """The share of one process, rounded up: all together may exceed the limit by workers - 1."""
    policies = tuple(replace(policy, quantity=-(-policy.quantity // workers)) for policy in rule.policies)
    return replace(rule, policies=policies)


NOTHING = Plan([])
