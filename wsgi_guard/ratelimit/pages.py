"""The admin pages of rate limits: how they stand, and the three things an operator does about them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from wsgi_guard.errors import Refused
from wsgi_guard.facts import Facts
from wsgi_guard.pages import Page, command

from .control import Control, blocking, shown

if TYPE_CHECKING:
    from .layer import RateLimit

ACTS = ("reset", "block", "unblock")
TOP = 20
"""Denied keys that the status lists."""


def pages(prefix: str, limits: RateLimit) -> dict[str, Page]:
    control = limits.control
    found = {f"{prefix}/status": Page(lambda facts: status(limits, plain=_wants_plain(facts)))}
    for name, act in (("reset", _reset), ("block", _block), ("unblock", _unblock)):
        known = ("rule", "key", "duration") if name == "block" else ("rule", "key")
        found[f"{prefix}/{name}"] = Page(_acting(act, control, known), acts=True)
    return found


def status(limits: RateLimit, *, plain: bool = False) -> dict[str, Any]:
    """Rules, most denied keys, blocks and store, as all `workers` of this host know them since it started.

    Keys stand as hashes unless `plain`, for they are addresses and names of people.
    """
    census, ledger = limits.census.all(), limits.ledger
    return {
        "worker": os.getpid(),
        "workers": sorted(census.processes),
        "store": {"name": ledger.store.name, "degraded": ledger.degraded, "failures": ledger.failures},
        "rules": [
            {
                "name": rule.name,
                "key": list(rule.key),
                "limits": [_limit(quota) for quota in rule.quotas],
                "exempt": rule.exempt,
                "denied": census.denials[rule.name],
                "would_have_denied": census.shadows[rule.name],
            }
            for rule in limits.rules.all
        ],
        "top_denied": [
            {"rule": rule, "key": shown(key, plain=plain), "count": count}
            for (rule, key), count in census.keys.most_common(TOP)
        ],
        "blocks": [
            {"rule": rule, "key": shown(key, plain=plain), "seconds_left": left}
            for rule, key, left in limits.control.blocks(census.blocks)
        ],
    }


def _limit(quota: Any) -> dict[str, Any]:
    return {
        "label": quota.label, "quantity": quota.quantity, "window": quota.window,
        "algorithm": "concurrency" if quota.lease else quota.algorithm,
        "mode": "enforce" if quota.enforced else "shadow",
    }  # fmt: skip


def _wants_plain(facts: Facts) -> bool:
    return parse_qs(str(facts.environ.get("QUERY_STRING", ""))[:200]).get("keys") == ["plain"]


def _acting(
    act: Callable[[Control, str, Any, dict[str, Any]], Any], control: Control, known: tuple[str, ...]
) -> Callable[[Facts], Any]:
    def answer(facts: Facts) -> Any:
        sent = command(facts)
        rule, key = sent.get("rule"), sent.get("key")
        if not isinstance(rule, str) or not _is_key(key):
            raise Refused(400, 'expected {"rule": "<name>", "key": "<what the rule counts by>"}')
        if sent.keys() - known:
            raise Refused(400, f"there is something else in the body than {', '.join(known)}")
        try:
            act(control, rule, key, sent)
        except LookupError:
            raise Refused(404, "there is no rate limit rule of that name") from None
        except ValueError:
            raise Refused(400, "the key does not fit the rule: expected a value for each part it counts by") from None
        return {"done": True, "rule": rule}

    return answer


def _is_key(key: object) -> bool:
    parts = key.values() if isinstance(key, dict) else key if isinstance(key, list) else [key]
    return bool(parts) and all(isinstance(part, str) and part for part in parts)


def _reset(control: Control, rule: str, key: Any, sent: dict[str, Any]) -> None:
    control.reset(rule, key)


def _block(control: Control, rule: str, key: Any, sent: dict[str, Any]) -> None:
    seconds = None
    if "duration" in sent:
        try:
            seconds = blocking(sent["duration"])
        except ValueError:
            raise Refused(400, 'expected a duration of 1 second to a year, such as "1 hour" or 3600') from None
    control.block(rule, key, seconds)


def _unblock(control: Control, rule: str, key: Any, sent: dict[str, Any]) -> None:
    control.unblock(rule, key)
