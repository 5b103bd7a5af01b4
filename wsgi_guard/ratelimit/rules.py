"""From the settings to rules that can be matched and charged; everything that can be wrong with them is found here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.facts import Environ
from wsgi_guard.routes import Routes
from wsgi_guard.settings import resolve_target
from wsgi_guard.settings.rules import LONGEST_LOG, limit_clashes
from wsgi_guard.settings.sections import GuardSection, Limit, RateLimitSection, RuleSection
from wsgi_guard.stores import Policy
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW

from .builtin import BUILTIN
from .conditions import Conditions, conditions
from .keys import Keyer, Keys, Templates, chosen_by_client, joined
from .reach import covered, misspelt, never_limiting, shut_out, too_low

if TYPE_CHECKING:
    from .adjust import Adjust

MOST = 10**9
"""The largest quantity for which the arithmetic of all stores is exact."""

CEILING = 10
"""An address may reach its limit as this many clients, by a key that it can choose."""

LEASE = 60
"""Seconds that a request in flight holds its place if the process that serves it dies; "5 per 10 minutes" says more."""

ALGORITHMS = {"sliding-window": WINDOW, "sliding-log": LOG, "token-bucket": BUCKET, "concurrency": LOG}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Quota(Policy):
    """One limit of one rule: what a store counts, and under which `label` answers speak of it.

    `guess` marks a built-in limit by ip, which must not deny where all clients may share an address. `outcomes` are
    the statuses that count, `threats` whether a finding does; with neither every request counts. `lease`: requests in
    flight are counted. `ahead`: the most charges that a process takes at the store in one trip, 0 where it takes none
    for later.
    """

    rule: str
    label: str
    key: Keyer
    on_failure: str
    guess: bool = False
    cost: int | Callable[[Environ], int] = 1
    outcomes: frozenset[int] | None = None
    threats: bool = False
    lease: bool = False
    ahead: int = 0
    silent: bool = False

    @property
    def returns(self) -> bool:
        """Whether the end of a request may give its charge back."""
        return self.lease or self.threats or self.outcomes is not None

    @property
    def offer(self) -> tuple[int, int]:
        """What answers say that a key can have at most, and in how many seconds.

        Of a bucket with a burst it is all that it holds, and the time in which it fills.
        """
        if not self.burst:
            return self.quantity, self.window
        return self.burst, max(1, -(-self.burst * self.window // self.quantity)) if self.quantity else self.window

    @property
    def told(self) -> bool:
        """Whether answers speak of it."""
        return self.enforced and not self.silent


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """`templates` None matches every path, none of them only its name; `methods` empty matches every method.

    `key` are the parts it counts by, as written.
    """

    name: str
    templates: Templates
    methods: frozenset[str]
    quotas: tuple[Quota, ...]
    exempt: bool = False
    key: tuple[str, ...] = ()
    conditions: Conditions | None = None
    adjust: Adjust | None = None


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
        self._problems += shut_out(rules)
        if self._problems:
            raise ConfigurationError(self._problems)
        self.notes += (*covered(rules), *too_low(rules), *never_limiting(section), *misspelt(section))
        self.all: tuple[Rule, ...] = tuple(rules)
        self._named = {rule.name: rule for rule in rules}

    def find(self, name: str) -> Rule:
        """Raises LookupError when there is no such rule."""
        rule = self._named.get(name)
        if rule is None:
            known = ", ".join(sorted(self._named)) or "none"
            raise LookupError(f"there is no rate limit rule {name!r} in the settings; known are: {known}")
        return rule

    def key_of(self, rule: Rule, value: str | Sequence[str] | Mapping[str, str]) -> str:
        """The store's key for what an operator writes: a text, or for a joint key one for each part.

        Raises ValueError, naming the parts, where `value` does not fit.
        """
        if isinstance(value, Mapping):
            if tuple(value) == ("ip",):
                # What anybody is counted by whose own key is not known.
                return self.keys.written("ip", value["ip"])
            value = [value.get(part, "") for part in rule.key]
        parts = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else []
        if len(parts) != len(rule.key) or not all(isinstance(part, str) and part for part in parts):
            raise ValueError(f"rule {rule.name!r} counts by {' and '.join(rule.key)}: expected a value for each")
        made = [self.keys.written(part, text) for part, text in zip(rule.key, parts, strict=True)]
        return made[0] if len(made) == 1 else joined(made)

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
        methods = frozenset(written.methods) | ({"HEAD"} if "GET" in written.methods else set())
        maker = QuotaMaker(written, self._section, self.keys, templates, guess=guess)
        rule = Rule(
            written.name, templates, methods, () if written.exempt else maker.quotas(written.limit),
            exempt=written.exempt, key=written.key, conditions=conditions(written),
        )  # fmt: skip
        self.notes += maker.notes()
        return self._adjusted(rule, written, maker)

    def _adjusted(self, rule: Rule, written: RuleSection, maker: QuotaMaker) -> Rule:
        if not (written.overrides or written.limit_by):
            return rule
        from .adjust import Adjust

        overrides: dict[str, tuple[Limit, ...]] = {}
        for at, one in enumerate(written.overrides, 1):
            try:
                key = self.key_of(rule, one.key)
            except ValueError as error:
                raise ValueError(f"override {at}: {error}") from None
            if key in overrides:
                raise ValueError(f"two overrides for one key: {' and '.join(one.key)!r} is counted as another one is")
            overrides[key] = one.limit
        find = resolve_target(written.limit_by) if written.limit_by else None
        return replace(rule, adjust=Adjust(rule.name, overrides, find, maker.quotas, rule.quotas[0]))


class QuotaMaker:
    """Turns limits into what one rule charges. Raises ValueError for a function that cannot be had."""

    def __init__(
        self, written: RuleSection, section: RateLimitSection, keys: Keys, templates: Templates, *, guess: bool
    ) -> None:
        self._written = written
        self._keyer = keys.keyer(written.key, templates)
        self._address = keys.address
        self._loose = chosen_by_client(written.key, templates)
        self._on_failure = written.on_store_failure or section.on_store_failure
        self._guess = guess
        able = written.algorithm == "sliding-window" and not (written.count or written.block)
        self._ahead = written.ahead if written.ahead is not None else section.ahead if able else 0
        self._cost = written.cost if isinstance(written.cost, int) else resolve_target(written.cost)
        self._outcomes, self._threats = read_outcomes(written.count)

    def quotas(self, limits: Iterable[Limit]) -> tuple[Quota, ...]:
        """Raises ValueError for limits that the rule's algorithm cannot keep."""
        written = tuple(limits)
        return tuple(quota for limit in written for quota in self._both(limit, alone=len(written) == 1))

    def notes(self) -> Iterator[str]:
        written = self._written
        if self._loose and not written.exempt:
            yield (
                f"rate limit rule {written.name!r} counts by {' and '.join(written.key)}, which a client can change at "
                f"will: each address is held to {CEILING} times its limit as well"
            )
        most = max((max(limit.quantity, written.burst) for limit in written.limit), default=0)
        if written.cost == 0:
            yield f"rate limit rule {written.name!r} never limits anybody: its cost is 0"
        if isinstance(written.cost, int) and written.cost > most and written.limit:
            yield f"rate limit rule {written.name!r} denies every request: its cost is above its limit"

    def _both(self, limit: Limit, *, alone: bool) -> Iterator[Quota]:
        for _, sentence in limit_clashes(self._written, limit):
            raise ValueError(sentence)
        window = limit.window or LEASE
        # "name:60s" cannot be a rule's own name, so labels are unique.
        label = self._written.name if alone else f"{self._written.name}:{window}s"
        yield self._quota(label, limit.quantity, window, self._keyer)
        if self._loose:
            most = LONGEST_LOG if ALGORITHMS[self._written.algorithm] == LOG else MOST
            yield self._quota(f"{label}:ip", min(limit.quantity * CEILING, most), window, self._address)

    def _quota(self, label: str, quantity: int, window: int, key: Keyer) -> Quota:
        written, own = self._written, key is self._keyer
        return Quota(
            id=self._id(label, quantity, window, own=own),
            quantity=quantity,
            window=window,
            enforced=written.mode == "enforce",
            algorithm=ALGORITHMS[written.algorithm],
            burst=written.burst * (1 if own else CEILING),
            block=int(written.block) if own else 0,
            after=written.block_after,
            # Who is shut out by requests that prove not to count is let in again.
            lifts=own and bool(written.count and written.block),
            rule=written.name,
            label=label,
            key=key,
            on_failure=self._on_failure,
            guess=self._guess,
            cost=self._cost,
            outcomes=self._outcomes,
            threats=self._threats,
            ahead=self._ahead,
            lease=written.algorithm == "concurrency",
        )

    def _id(self, label: str, quantity: int, window: int, *, own: bool) -> str:
        """Counters of another algorithm are not read as this one's.

        Limits that vary by key share theirs where they have one window, whatever limits stand beside them.
        """
        written = self._written
        kind = "" if written.algorithm == "sliding-window" else written.algorithm[0]
        if written.overrides or written.limit_by:
            return f"{written.name}{'' if own else ':ip'}:{window}{kind}"
        return f"{label}:{quantity}/{window}{kind}"


def read_outcomes(count: Sequence[str]) -> tuple[frozenset[int] | None, bool]:
    """The statuses that count, None for all, and whether a threat finding does."""
    if not count:
        return None, False
    statuses: set[int] = set()
    for one in count:
        if one.endswith("xx"):
            statuses.update(range(int(one[0]) * 100, int(one[0]) * 100 + 100))
        elif one != "threat":
            statuses.add(int(one))
    return frozenset(statuses), "threat" in count
