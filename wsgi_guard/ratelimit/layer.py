"""Connects the policy to a request: plan, one charge, verdict; what is left goes out with the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from math import ceil
from time import monotonic, time

from wsgi_guard.board import Board
from wsgi_guard.errors import Outage, Refused
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Finish, Head, Header, Outcome, Reply
from wsgi_guard.recent import Recent
from wsgi_guard.routes import Route, Routes
from wsgi_guard.settings.sections import GuardSection, RateLimitSection
from wsgi_guard.stores import Place, State

from . import answer
from .again import Again, spent_standings
from .cautions import Cautions
from .census import Census
from .control import Control
from .decide import Verdict, chosen, judge, match
from .denials import Denial
from .ledger import Ledger
from .lists import Lists
from .plan import Plan, Spent
from .reach import free
from .reports import Reports, reason, tell
from .rules import Quota, Rule, Rules
from .settling import as_settled, found_threat

log = logging.getLogger("wsgi_guard")

NAME = "rate_limit"


class RateLimit:
    """The layer. Raises ConfigurationError with every problem of the rules.

    `place` is opened in the process that charges, at its first use. `own_paths` are the guard's, given exactly, and
    free. `workers` tells how many processes share a host, and so a limit when the store is away.
    `board` is where they tell each other what they denied.
    """

    name = NAME

    def __init__(
        self,
        section: RateLimitSection,
        guard: GuardSection,
        routes: Routes,
        place: Place,
        *,
        own_paths: Set[str] = frozenset(),
        workers: Callable[[], int] = lambda: 1,
        board: Callable[[], Board | None] = lambda: None,
    ) -> None:
        self.rules = Rules(section, guard, routes)
        self.ledger = Ledger(place.open, section.max_keys, workers)
        self.census = Census("|".join(rule.name for rule in self.rules.all), board)
        self.control = Control(self.rules, self.ledger, self.census)
        self._place = place
        self._lists = Lists(section.allow, section.deny) if section.allow or section.deny else None
        self._own_paths = own_paths
        self._form = section.headers
        self._cautions = Cautions(place)
        self._reports = Reports()
        verbs = {"OPTIONS"}.union(*(rule.methods for rule in self.rules.all))
        # Methods that no rule names are all alike: what is kept at a route does not grow by what clients invent.
        self._memos = {verb: (NAME, verb) for verb in verbs}
        self._plans: Recent[tuple[object, ...], Plan] = Recent(1024)
        self._floods: Recent[tuple[object, ...], Again] = Recent(1024)  # by plan and keys, about 2 kB each
        # The end of a request is asked for only where a rule gives something back then.
        settles = any(quota.returns for rule in self.rules.all for quota in rule.quotas)
        self.finish: Finish | None = self._settle if settles else None
        self._free = self._plan((), exempt=True)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the start tells of rules; asked once the guard is whole, for only then its own paths are known."""
        return (*self.rules.notes, *free(self.rules.all, self._own_paths))

    @property
    def degraded(self) -> str | None:
        """Why the store is not used, None while it is."""
        return self.ledger.degraded

    def start(self) -> None:
        self.ledger.start()
        for note in self.notes:
            log.warning("%s", note)
        log.info("%s", self._place.why())

    def before(self, facts: Facts) -> Reply | None:
        """An answer when a limit is known to be over. Raises Refused when it proves to be, or the network is denied."""
        route, verb = facts.route, facts.verb
        if verb == "GET" and facts.method != verb:
            verb = "HEAD"
        memo = self._memos.get(verb, NAME)
        plan = route.memo.get(memo)
        if plan is None:
            self._cautions.alone(facts)
            own = route.given in self._own_paths
            plan = route.memo[memo] = self._plan((), exempt=False) if own else self._matched(route, verb)
        if not plan.quotas and route.given in self._own_paths and facts.root is not facts:
            # Inside another guard there is no health layer to answer these paths, so they are the app's.
            plan = self._matched(route, verb)
        if self._lists is not None and route.given not in self._own_paths:
            plan = self._listed(facts, plan)
        if plan.varies:
            plan = self._varied(facts, plan)
        if plan.quotas:
            return self._charge(facts, plan)
        facts.limits = plan.idle
        return None

    def after(self, facts: Facts, head: Head) -> None:
        spent: Spent | None = facts.limits
        if spent is None or not spent.states:
            return
        usual = spent.usual() if self._form == "ietf" and not spent.told else None
        if usual is not None:
            head.headers += usual
        elif not (spent.told and answer.tells(head)):
            head.headers += answer.beside(head, self._fields(facts, spent, head.code))

    def _settle(self, facts: Facts, outcome: Outcome) -> None:
        spent: Spent | None = facts.limits
        if spent is not None and spent.owing:
            owing, spent.owing = spent.owing, None
            self.ledger.give_back(owing, outcome, threat=found_threat(facts))

    def spend(self, facts: Facts, name: str) -> None:
        """One more charge, of the rule `name` alone, unless this request met it already or is exempt.

        Raises Refused when it is over its limit, LookupError when there is no such rule.
        """
        rule = self.rules.find(name)
        spent: Spent = facts.limits
        if spent.plan.exempt or name in spent.plan.names or rule.exempt:
            return
        plan = self._plan((rule,), exempt=False)
        if plan.varies:
            plan = self._varied(facts, plan)
        if plan.quotas:
            self._charge(facts, plan, spent)

    def _charge(self, facts: Facts, plan: Plan, earlier: Spent | None = None) -> Reply | None:
        if plan.guesses and facts.client.shared:
            plan = self._wary(plan)
        keys = plan.keys(facts)
        costs = plan.costs_of(facts) if plan.costs else None
        ledger = self.ledger
        if ledger.denials:
            reply = self._deny_known(facts, plan, keys, costs, earlier)
            if reply is not None:
                return reply
        try:
            admitted, quotas, keys, costs, states, owing = ledger.charge(plan, keys, costs)
        except Outage as outage:
            facts.limits = earlier or plan.idle
            self._tell_degraded(facts)
            facts.decide(NAME, "deny", "", str(outage))
            raise
        if ledger.fell is not None:
            self._tell_degraded(facts)
        spent = Spent(plan, quotas, states)
        if costs is not None or owing is not None:
            spent.costs, spent.owing = costs, owing
        facts.limits = spent if earlier is None else spent.after(earlier)
        if not admitted:
            self._judge(facts, quotas, states, keys, costs)
        elif plan.shadows:
            self._tell_shadows(facts, [quota for quota, state in zip(quotas, states, strict=True) if state[0] < 1])
        return None

    def _tell_degraded(self, facts: Facts) -> None:
        """Puts the loss of the store on the record of the request that met it first."""
        why, self.ledger.fell = self.ledger.fell, None
        if why is not None:
            facts.decide(NAME, "degraded", "", why)

    def _judge(
        self, facts: Facts, quotas: Sequence[Quota], states: Sequence[State], keys: Sequence[str],
        costs: Sequence[int] | None,
    ) -> None:  # fmt: skip
        verdict = judge(quotas, states, costs, self.ledger.soon(quotas, keys, states))
        self._tell_shadows(facts, verdict.shadowed)
        for quota in verdict.denied:
            at = quotas.index(quota)
            self.census.denied(quota, keys[at])
            if states[at][0] < 0:
                self.census.blocked(quota.rule, keys[at], monotonic() + states[at][1] / 1_000_000)
            facts.decide(NAME, "deny", quota.rule, reason(quota, blocked=states[at][0] < 0))
        if verdict.denied:
            spent: Spent = facts.limits
            spent.told = True
            raise answer.refusal(verdict, self._fields(facts, spent, 429))

    def _tell_shadows(self, facts: Facts, quotas: Sequence[Quota]) -> None:
        for quota in quotas:
            self.census.shadowed(quota)
            count = self._reports.due(quota.id, facts.client_ip, facts.started)
            tell(facts, NAME, "shadow", quota.rule, reason(quota), count)

    def _deny_known(
        self, facts: Facts, plan: Plan, keys: Sequence[str], costs: Sequence[int] | None, earlier: Spent | None
    ) -> Reply | None:  # fmt: skip
        """Refuses whom the store has denied before, until the time it gave.

        Raises Refused in place of the answer where the app itself asks, by a decorator, or no answer fits.
        """
        now, lasting = monotonic(), costs is None and earlier is None
        again = self._floods.get((plan, *keys)) if lasting else None
        if again is not None and now < again.until and again.generation == self.ledger.store.generation:
            reply = again.reply(facts)
            if reply is not None:
                self._count_known(facts, again.known, now)
                facts.limits = plan.idle
                return reply
        known = self.ledger.known(plan.quotas, keys, costs, now)
        if not known:
            return None
        self._count_known(facts, known, now)
        verdict = Verdict([denial.quota for denial in known], [], max(ceil(denial.until - now) for denial in known))
        fields = answer.fields(self._form, plan.policy, spent_standings(known, now), time())
        facts.limits = earlier or plan.idle
        if lasting:
            with suppress(ValueError):
                again = Again(facts, verdict, fields, known, now)
                self._floods.put((plan, *keys), again)
                return again.reply(facts)
        raise answer.refusal(verdict, fields)

    def _count_known(self, facts: Facts, known: Sequence[Denial], now: float) -> None:
        """Counts what is denied again; a line for each at first, then one a minute for each key with their number."""
        for denial in known:
            self.census.denied(denial.quota, denial.key)
            tell(facts, NAME, "deny", denial.quota.rule, denial.reason, denial.told.due(now))

    def _fields(self, facts: Facts, spent: Spent, code: int) -> list[Header]:
        if self._form == "none":
            return []
        states = spent.states or ()
        if spent.owing:
            states = as_settled(facts, spent, code)
        return spent.fields(self._form, states, time())

    def _matched(self, route: Route, verb: str) -> Plan:
        found = match(self.rules.all, [hit.template for hit in route.hits], verb)
        return self._plan(found.rules, exempt=found.exempt)

    def _plan(self, rules: tuple[Rule, ...], *, exempt: bool) -> Plan:
        """The plan of rules as they are written; a request may have to vary it."""
        key = (exempt, *rules)
        plan = self._plans.get(key)
        if plan is None:
            varies = any(rule.conditions is not None or rule.adjust is not None for rule in rules)
            quotas = tuple(quota for rule in rules for quota in rule.quotas)
            plan = Plan(self, rules, quotas, exempt=exempt, varies=varies)
            self._plans.put(key, plan)
        return plan

    def _varied(self, facts: Facts, plan: Plan) -> Plan:
        """The plan for this request: rules whose conditions hold, with the limits of its key."""
        found = chosen(plan.rules, facts, exempt=plan.exempt)
        quotas: list[Quota] = []
        for rule in found.rules:
            own = rule.adjust.quotas(facts, rule.quotas[0].key(facts)) if rule.adjust is not None else None
            quotas += rule.quotas if own is None else own
        key = ("varied", found.exempt, *found.rules, *quotas)
        varied = self._plans.get(key)
        if varied is None:
            varied = Plan(self, found.rules, tuple(quotas), exempt=found.exempt, varies=False)
            self._plans.put(key, varied)
        return varied

    def _listed(self, facts: Facts, plan: Plan) -> Plan:
        """No limits for a client of the allow list. Raises Refused, 403, for one of the deny list."""
        listed = self._lists.find(facts.client) if self._lists is not None else None
        if listed == "deny":
            facts.limits = plan.idle
            facts.decide(NAME, "deny", "deny", "the client's network is on rate_limit.deny")
            raise Refused(403, "requests from this network are not accepted")
        return self._free if listed == "allow" else plan

    def _wary(self, plan: Plan) -> Plan:
        self._cautions.shared()
        if plan.wary is None:
            quotas = tuple(replace(quota, enforced=False) if quota.guess else quota for quota in plan.quotas)
            plan.wary = Plan(self, plan.rules, quotas, exempt=plan.exempt, varies=False)
        return plan.wary
