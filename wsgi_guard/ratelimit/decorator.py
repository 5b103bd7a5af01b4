"""`@rate_limit("rule")`: a rule of the settings, charged where code says so."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ..errors import Refused
from ..facts import Facts, current
from .layer import Charged

P = ParamSpec("P")
R = TypeVar("R")


def rate_limit(rule: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that charges `rule` before the function runs, once a request.

    The function raises Refused (429) over the limit, and RuntimeError when no request runs, its guard has no rate
    limit layer, or the settings have no rule of that name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def limited(*args: P.args, **kwargs: P.kwargs) -> R:
            charge(rule)
            return function(*args, **kwargs)

        return limited

    return decorate


def charge(rule: str) -> None:
    facts = current()
    if facts is None:
        raise RuntimeError(f"rate limit rule {rule!r} is charged outside a request; there is nobody to count")
    charged = _charged(facts, rule)
    try:
        charged.layer.charge_by_name(facts, charged, rule)
    except Refused as refused:
        facts.note(refused)
        raise


def _charged(facts: Facts, rule: str) -> Charged:
    """The innermost guard's charges whose settings know `rule`."""
    candidates: list[Any] = [facts.limits, facts.root.limits]
    for charged in candidates:
        if charged is not None and charged.layer.knows(rule):
            return charged  # type: ignore[no-any-return]
    if not any(candidates):
        raise RuntimeError(f"rate limit rule {rule!r} cannot be charged: this guard has no rate limit layer")
    known = sorted(name for charged in candidates if charged for name in charged.layer._by_name)
    raise RuntimeError(f"no rate limit rule is named {rule!r}; the settings have {known}")
