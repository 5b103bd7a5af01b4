"""From the settings to rules that can be matched and charged; everything that can be wrong with them is found here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.routes import Routes
from wsgi_guard.settings.sections import GuardSection, Limit, RateLimitSection, RuleSection
from wsgi_guard.stores import Policy

from .builtin import BUILTIN
from .keys import Keyer, Keys, Templates, chosen_by_client

MOST = 10**9
"""The largest quantity for which the arithmetic of all stores is exact."""

CEILING = 10
"""An address may reach its limit as this many clients, by a key that it can choose."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Quota(Policy):
    """One limit of one rule: what a store counts, and under which `label` answers speak of it.

    `guess` marks a built-in limit by ip, which must not deny where all clients may share an address.
    """

    rule: str
    label: str
    key: Keyer
    on_failure: str
    guess: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """`templates` None matches every path, none of them only its name; `methods` empty matches every method."""

    name: str
    templates: Templates
    methods: frozenset[str]
    quotas: tuple[Quota, ...]
    exempt: bool = False


class Rules:
    """All rules in the order of the file, the built-in ones last; `notes` is what an operator should know.

    Raises ConfigurationError with every problem.
    """

    def __init__(self, section: RateLimitSection, guard: GuardSection, routes: Routes) -> None:
        self._section = section
        self._routes = routes
        self.keys = Keys(section.ipv6_prefix)
        self.notes: list[str] = []
        self._problems: list[str] = []
        rules = [*self._compiled(section.rules, guess=False), *self._builtin(section.builtin_rules or guard.defaults)]
        if self._problems:
            raise ConfigurationError(self._problems)
        self.all: tuple[Rule, ...] = tuple(rules)
        self.named = {rule.name: rule for rule in rules}

    def _builtin(self, mode: str) -> Iterator[Rule]:
        if mode != "off":
            yield from self._compiled((replace(rule, mode=mode) for rule in BUILTIN), guess=True)

    def _compiled(self, sections: Iterable[RuleSection], *, guess: bool) -> Iterator[Rule]:
        for written in sections:
            try:
                yield self._rule(written, guess)
            except ValueError as error:
                self._problems.append(f"rate_limit.rules {written.name!r}: {error}")

    def _rule(self, written: RuleSection, guess: bool) -> Rule:
        templates = None if written.path is None else frozenset(map(self._routes.add, written.path))
        methods = frozenset("GET" if method == "HEAD" else method for method in written.methods)
        if written.exempt:
            return Rule(written.name, templates, methods, (), exempt=True)
        return Rule(written.name, templates, methods, tuple(self._quotas(written, templates, guess)))

    def _quotas(self, written: RuleSection, templates: Templates, guess: bool) -> Iterator[Quota]:
        keyer = self.keys.keyer(written.key, templates)
        loose = chosen_by_client(written.key, templates)
        if loose:
            self.notes.append(
                f"rate limit rule {written.name!r} counts by {' and '.join(written.key)}, which a client can change at "
                f"will: each address is held to {CEILING} times its limit as well"
            )
        for limit in written.limit:
            # "name:60s" cannot be a rule's own name, so labels are unique.
            label = written.name if len(written.limit) == 1 else f"{written.name}:{limit.window}s"
            yield self._quota(written, label, limit, keyer, guess)
            if loose:
                ceiling = Limit(min(limit.quantity * CEILING, MOST), limit.window)
                yield self._quota(written, f"{label}:ip", ceiling, self.keys.address, guess)

    def _quota(self, written: RuleSection, label: str, limit: Limit, keyer: Keyer, guess: bool) -> Quota:
        return Quota(
            id=f"{label}:{limit.quantity}/{limit.window}",
            quantity=limit.quantity,
            window=limit.window,
            enforced=written.mode == "enforce",
            rule=written.name,
            label=label,
            key=keyer,
            on_failure=written.on_store_failure or self._section.on_store_failure,
            guess=guess,
        )
