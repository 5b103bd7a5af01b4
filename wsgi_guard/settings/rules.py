"""What cannot be within one rate limit rule, and what a rule could never match. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .sections import Limit, RuleSection

LONGEST_LOG = 10_000
"""Charges of one key that a log keeps, and places for requests in flight: each takes room of its own."""
SLOWEST = 31 * 86400
"""Seconds in which an empty bucket must be full again."""

# The keys of the rule that contradict each other, the one to name first, and the sentence.
RuleClash = tuple[tuple[str, ...], str]


def rule_clashes(rule: RuleSection) -> Iterator[RuleClash]:
    yield from _presence(rule)
    yield from _algorithm(rule)
    yield from _matching(rule)
    yield from _overrides(rule)
    for limit in (*rule.limit, *(limit for one in rule.overrides for limit in one.limit)):
        yield from limit_clashes(rule, limit)


def limit_clashes(rule: RuleSection, limit: Limit) -> Iterator[RuleClash]:
    """What stands against one limit of a rule, wherever it was written."""
    logged = rule.algorithm in ("sliding-log", "concurrency")
    if not limit.window and rule.algorithm != "concurrency":
        yield ("limit", "algorithm"), 'a limit without a time, such as "5 at once", needs algorithm = "concurrency"'
    if logged and limit.quantity > LONGEST_LOG:
        sentence = f"{rule.algorithm} keeps every charge: expected a quantity of at most {LONGEST_LOG}"
        yield ("limit", "algorithm"), f"{sentence}, not {limit.quantity}; sliding-window and token-bucket have no bound"
    if rule.burst and limit.quantity and rule.burst * limit.window > SLOWEST * limit.quantity:
        yield ("burst", "limit"), "the bucket would need more than 31 days to be full again"


def _presence(rule: RuleSection) -> Iterator[RuleClash]:
    if not rule.limit and not rule.exempt:
        yield ("limit",), 'limit is missing, it needs one such as "10 per minute" unless it says exempt = true'
    if rule.limit and rule.exempt:
        yield ("limit",), "a limit has no meaning beside exempt = true"
    for name in ("limit_by", "overrides", "count", "block", "ahead"):
        if rule.exempt and getattr(rule, name):
            yield (name,), f"{name} has no meaning beside exempt = true"


def _algorithm(rule: RuleSection) -> Iterator[RuleClash]:
    if rule.burst and rule.algorithm != "token-bucket":
        yield ("burst", "algorithm"), 'burst has a meaning only with algorithm = "token-bucket"'
    if rule.count and rule.algorithm == "concurrency":
        yield ("count", "algorithm"), "count has no meaning with concurrency: a request in flight has no outcome yet"
    against = {"algorithm": rule.algorithm != "sliding-window", "count": rule.count, "block": rule.block}
    for name in against if rule.ahead else ():
        if against[name]:
            yield ("ahead", name), "ahead needs a sliding-window without count and block"
    if rule.block_after > 1 and not rule.block:
        yield ("block_after", "block"), "block_after has no meaning without block"
    if rule.block and rule.block < 1:
        yield ("block",), "expected a block of at least 1 second"
    if rule.block and rule.mode == "shadow":
        yield ("block", "mode"), "a rule in shadow denies nobody, so it cannot block"


def _matching(rule: RuleSection) -> Iterator[RuleClash]:
    if rule.exempt and rule.path == ():
        yield ("path",), "exempt = true has no meaning beside path = [], which matches nothing"
    if rule.methods and set(rule.methods) == {"OPTIONS"}:
        yield ("methods",), "OPTIONS is never limited, so this rule can never match"


def _overrides(rule: RuleSection) -> Iterator[RuleClash]:
    seen: set[tuple[str, ...]] = set()
    for at, one in enumerate(rule.overrides, 1):
        if one.key in seen:
            yield ("overrides",), f"there are two overrides for the key {', '.join(one.key)!r}, one is number {at}"
        seen.add(one.key)
        if bool(one.limit) == one.exempt:
            yield ("overrides",), f"override {at} needs either a limit or exempt = true"
