"""What an operator or the app itself may do with a rule and a key: ask, charge, begin anew, shut out, let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from time import monotonic
from typing import Any

from wsgi_guard.audit import act
from wsgi_guard.errors import Outage, StoreError
from wsgi_guard.settings.quantities import whole_seconds
from wsgi_guard.stores import State
from wsgi_guard.stores.standing import LONGEST_BLOCK, left

from .census import Census
from .decide import delay, seconds
from .ledger import Ledger
from .plan import MOST_COST
from .rules import Quota, Rule, Rules

MOST_BLOCKS = 50
"""Blocks that are told at once; the store is asked about each."""

HOUR = 3600
"""Seconds of a block for which nobody said how long."""

PLAIN = frozenset({"ip", "user", "endpoint"})
"""Parts of a key that stand in every log line anyhow."""

Key = str | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LimitState:
    """How a rule stands for one key.

    `allowed`: one more charge would pass, or for `check` did pass. `left` charges would still pass, the tightest limit
    counting; `retry_after` is in whole seconds, 0 when allowed; `blocked` until then whatever is left.
    """

    allowed: bool
    left: int
    retry_after: int
    blocked: bool


UNLIMITED = LimitState(True, MOST_COST, 0, blocked=False)


class Control:
    """Keys are what a rule counts by: an address, a user, a header's value; for a joint key a mapping part -> value.

    Every method raises LookupError for a rule that is not there, ValueError for a key that does not fit it, and Outage
    while the store is away.
    """

    def __init__(self, rules: Rules, ledger: Ledger, census: Census) -> None:
        self._rules = rules
        self._ledger = ledger
        self._census = census

    def check(self, rule: str, key: Key, cost: int = 1) -> LimitState:
        """Charges the rule as a request of this key would, and says whether it passed. No exception for a denial.

        While the store is away the rule's `on_store_failure` holds. A rule of requests in flight has no such charge:
        ValueError.
        """
        found, text = self._find(rule, key)
        if any(quota.lease for quota in found.quotas):
            raise ValueError(f"rule {rule!r} counts requests in flight, which a check is not")
        if type(cost) is not int or not 0 <= cost <= MOST_COST:
            raise ValueError(f"expected a cost of 0 to {MOST_COST}, not {cost!r}")
        quotas = self._counted(found, text)
        if not quotas:
            return UNLIMITED
        paid = [cost] * len(quotas)
        admitted, counted, _, _, states, _ = self._ledger.charge_by_hand(quotas, [text] * len(quotas), paid)
        return _summary(counted, states, cost, allowed=admitted)

    def peek(self, rule: str, key: Key) -> LimitState:
        """How the rule stands for the key; counts nothing."""
        found, text = self._find(rule, key)
        quotas = self._counted(found, text)
        if not quotas:
            return UNLIMITED
        try:
            allowed, states, _ = self._ledger.store.peek(quotas, [text] * len(quotas))
        except StoreError as error:
            raise Outage("the rate limit store") from error
        return _summary(quotas, states, 1, allowed=allowed)

    def reset(self, rule: str, key: Key) -> None:
        """Forgets what the rule has counted for the key, and its block; every process knows within a second."""
        quotas, keys = self._all(rule, key)
        self._act(lambda: self._ledger.store.forget(quotas, keys))
        self._tell("reset", rule, keys[0])

    def block(self, rule: str, key: Key, duration: float | str | None = None) -> None:
        """Denies the key for `duration`, seconds or a text such as "1 hour", whatever it has left.

        Without one it is the rule's own block, or an hour where the rule has none.
        """
        quotas, keys = self._all(rule, key)
        seconds = blocking(duration) if duration is not None else quotas[0].block or HOUR
        self._act(lambda: self._ledger.store.block(quotas, keys, seconds))
        self._census.blocked(rule, keys[0], monotonic() + seconds)
        self._tell(f"block for {seconds} s", rule, keys[0])

    def unblock(self, rule: str, key: Key) -> None:
        """Ends a block; what was counted stays."""
        quotas, keys = self._all(rule, key)
        self._act(lambda: self._ledger.store.block(quotas, keys, 0))
        self._tell("unblock", rule, keys[0])

    def blocks(self, known: Mapping[tuple[str, str], float]) -> list[tuple[str, str, int]]:
        """Rule, key and the whole seconds left of each block of a census that still stands.

        The store is asked, for others may have ended some; while it is away they stand as they were known.
        """
        now = monotonic()
        latest = sorted(known.items(), key=lambda one: -one[1])[:MOST_BLOCKS]
        found = [(rule, key, self._left(rule, key, until - now)) for (rule, key), until in latest if until > now]
        return [one for one in found if one[2]]

    def _left(self, name: str, text: str, known: float) -> int:
        try:
            rule = self._rules.find(name)
            quotas = [quota for quota in _all_of(rule, text) if quota.enforced]
            states = self._ledger.store.peek(quotas, [text] * len(quotas))[1] if quotas else []
        except LookupError:
            return 0
        except StoreError:
            return ceil(known)
        return max((seconds(state[1]) for state in states if state[0] < 0), default=0)

    def _tell(self, what: str, name: str, key: str) -> None:
        """Puts it into the audit trail, the key as a hash where it may be a secret."""
        rule = self._rules.find(name)
        act("rate_limit", name, what, f"key {shown(key, plain=PLAIN.issuperset(rule.key))}")

    def _act(self, ask: Any) -> None:
        try:
            ask()
        except StoreError as error:
            raise Outage("the rate limit store") from error
        self._ledger.forget()

    def _find(self, name: str, key: Key) -> tuple[Rule, str]:
        rule = self._rules.find(name)
        if not rule.quotas:
            raise ValueError(f"rule {name!r} limits nothing")
        return rule, self._rules.key_of(rule, key)

    def _all(self, name: str, key: Key) -> tuple[list[Quota], list[str]]:
        """All limits of this key, as far as they are known."""
        rule, text = self._find(name, key)
        quotas = _all_of(rule, text)
        return quotas, [text] * len(quotas)

    def _counted(self, rule: Rule, text: str) -> list[Quota]:
        return [quota for quota in _limits_of(rule, text) if quota.key is rule.quotas[0].key]


def blocking(written: object) -> int:
    """The whole seconds of a block, rounded up. Raises ValueError for what is no time of 1 second to a year."""
    return whole_seconds(written, 1, LONGEST_BLOCK)


def shown(key: str, *, plain: bool) -> str:
    return key if plain else "#" + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _limits_of(rule: Rule, text: str) -> tuple[Quota, ...]:
    """The rule's limits, or those that the file has for this key."""
    own = rule.adjust.overridden(text) if rule.adjust is not None else None
    return rule.quotas if own is None else own


def _all_of(rule: Rule, text: str) -> list[Quota]:
    """The rule's own limits and all that may stand in their place; a ceiling by address is not this key's."""
    others = rule.adjust.known(text) if rule.adjust is not None else ()
    by_id = {quota.id: quota for quota in (*others, *rule.quotas) if quota.key is rule.quotas[0].key}
    return list(by_id.values())


def _summary(quotas: Sequence[Quota], states: Sequence[State], cost: int, *, allowed: bool) -> LimitState:
    stand = [(quota, state) for quota, state in zip(quotas, states, strict=True) if quota.enforced]
    if not stand:
        return UNLIMITED
    waits = [delay(quota, state, cost) for quota, state in stand]
    return LimitState(
        allowed,
        min(left(quota, state) for quota, state in stand),
        0 if allowed else max(1, *waits),
        blocked=any(state[0] < 0 for _, state in stand),
    )
