"""[rate_limit] as frozen values; see `sections.py`."""
# ruff: noqa: RUF009  (option and listed make nothing but dataclass fields)

from __future__ import annotations

from dataclasses import dataclass

from .fields import YEAR, Limit, Network, listed, option
from .secret import Secret

MOST_AHEAD = 10_000


@dataclass(frozen=True, slots=True)
class OverrideSection:
    """[[rate_limit.rules.overrides]]: another limit for one key."""

    key: tuple[str, ...] = option(
        (), "texts", "what the rule counts by, as an address or a user; a list for a joint key, in its order",
        required=True,
    )
    limit: tuple[Limit, ...] = option((), "limits", "instead of the rule's limit; needed unless exempt")
    exempt: bool = option(False, "flag", "true: this key is not limited by the rule")


@dataclass(frozen=True, slots=True)
class RuleSection:
    """[[rate_limit.rules]]: one rule."""

    name: str = option("", "name", "name in answers and logs, unique", required=True)
    path: tuple[str, ...] | None = option(
        None, "templates", "path template or list of them; absent = every path, [] = none: for @rate_limit alone"
    )
    methods: tuple[str, ...] = option((), "methods", "methods; absent = every method; GET includes HEAD")
    header: tuple[str, ...] = option((), "headers", "only requests that have this header, or all of a list", low=1)
    network: tuple[Network | str, ...] = option(
        (), "networks", "only clients of this network, or of one of a list", low=1
    )
    identity: tuple[str, ...] = option(
        (), "texts", 'only these identities; "*" is anybody known, "-" anybody unknown; absent = all', low=1
    )
    limit: tuple[Limit, ...] = option(
        (), "limits", '"10 per 5 minutes", "10/5m", "5 at once" for concurrency, or a list; needed unless exempt'
    )
    limit_by: str | None = option(
        None, "target", "module:function that takes the environ and returns a limit as text, None for the rule's own"
    )
    overrides: tuple[OverrideSection, ...] = listed(OverrideSection)
    key: tuple[str, ...] = option(
        ("ip",), "keys", "ip, user, api_key, endpoint, header:<name>, module:function, or a list"
    )
    algorithm: str = option(
        "sliding-window", "choice", "how charges are counted",
        choices=("sliding-window", "sliding-log", "token-bucket", "concurrency"),
    )
    burst: int = option(0, "count", "token-bucket: what the bucket holds; 0 = the limit's quantity")
    ahead: int | None = option(
        None, "count", "as rate_limit.ahead, for this rule; sliding-window without count and block", high=MOST_AHEAD
    )
    cost: int | str = option(1, "cost", "what a request costs: a number, or module:function that takes the environ")
    count: tuple[str, ...] = option(
        (), "outcomes", 'only requests that ended so: a status, "4xx", or "threat"; absent = every request'
    )
    block: float = option(
        0.0, "duration", "how long a key is shut out once it was denied; 0 = not beyond the limit", high=YEAR
    )
    block_after: int = option(
        1, "count", "denials in a row, each within a window of the last, that bring the block", low=1
    )
    exempt: bool = option(False, "flag", "true: what matches here is not limited at all")
    mode: str = option(
        "enforce", "choice", "shadow counts and reports, never denies", choices=("enforce", "shadow")
    )
    on_store_failure: str | None = option(
        None, "choice", "as rate_limit.on_store_failure, for this rule", choices=("local", "allow", "deny")
    )


@dataclass(frozen=True, slots=True)
class RateLimitSection:
    """[rate_limit]: who may call how often."""

    store: Secret = option(
        Secret("auto"), "store",
        "auto, memory, shared, shared:/path or a redis URL; auto = redis if a URL is known, shared under the gunicorn "
        "hooks, else memory",
    )
    store_timeout: float = option(
        0.1, "duration", "longest wait for the store, to connect and to answer", low=0.001, high=60
    )
    on_store_failure: str = option(
        "local", "choice", "while the store is away: limit in each process, allow, or deny",
        choices=("local", "allow", "deny"),
    )
    headers: str = option(
        "ietf", "choice", "RateLimit fields of the IETF draft, X-RateLimit-*, both or none",
        choices=("ietf", "legacy", "both", "none"),
    )
    builtin_rules: str | None = option(
        None, "choice", "the five built-in rules; absent = guard.defaults", choices=("shadow", "enforce", "off")
    )
    ipv6_prefix: int = option(64, "count", "IPv6 clients are counted by networks of this many bits", low=32, high=128)
    max_keys: int = option(
        100_000, "count", "most keys held in process memory (about 300 bytes each) or shared memory", low=1
    )
    ahead: int = option(
        0, "count", "charges a process takes at the store ahead, where a rule can; 0 = none", high=MOST_AHEAD
    )
    allow: tuple[Network | str, ...] = option((), "networks", "clients that are never limited")
    deny: tuple[Network | str, ...] = option((), "networks", "clients that are always refused, with 403")
    rules: tuple[RuleSection, ...] = listed(RuleSection)
