"""`@rate_limit("rule")`: a limit on a function of the app instead of a path, in any framework.

Finds the layer through the request that runs; knows no rule and no store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from inspect import iscoroutinefunction, signature
from typing import Any, ParamSpec, TypeVar

from wsgi_guard.errors import Refused
from wsgi_guard.facts import current

log = logging.getLogger("wsgi_guard")

P = ParamSpec("P")
R = TypeVar("R")

_unlimited: set[str] = set()


def rate_limit(rule: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Each call of the function charges `rule` of the settings, with that rule's key; over the limit it is not run.

    A rule that already met this request by its path is not charged again; `path = []` in the settings makes a rule
    for decorators alone. Over the limit `Refused` is raised, which becomes a 429 even if the framework makes a 500 of
    it. The call raises RuntimeError outside a request and LookupError when the settings have no such rule.
    """
    if not isinstance(rule, str):
        raise TypeError('rate_limit needs the name of a rule: @rate_limit("name")')

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if iscoroutinefunction(function):
            return _asynchronous(rule, function)

        @wraps(function)
        def limited(*args: P.args, **kwargs: P.kwargs) -> R:
            spend(rule)
            return function(*args, **kwargs)

        return _signed(limited, function)

    return decorate


def _signed(wrapper: Callable[P, R], function: Callable[P, R]) -> Callable[P, R]:
    """The wrapper with the function's own signature, by which Pyramid decides what to call a view with."""
    with suppress(TypeError, ValueError):
        wrapper.__signature__ = signature(function)  # type: ignore[attr-defined]
    return wrapper


def _asynchronous(rule: str, function: Callable[P, Any]) -> Callable[P, Any]:
    """Frameworks await what is a coroutine function itself, so the wrapper of one has to be one."""

    @wraps(function)
    async def limited(*args: P.args, **kwargs: P.kwargs) -> Any:
        spend(rule)
        return await function(*args, **kwargs)

    return _signed(limited, function)


def spend(rule: str) -> None:
    """Charges `rule` once to the request that runs."""
    facts = current()
    if facts is None:
        raise RuntimeError(f"rate limit rule {rule!r} was charged outside a request")
    # An app inside another guard may have its limits there.
    holder = facts if facts.limits is not None else facts.root
    if holder.limits is None:
        _say_unlimited(rule)
        return
    try:
        holder.limits.layer.spend(holder, rule)
    except Refused as refused:
        holder.note(refused)
        raise


def _say_unlimited(rule: str) -> None:
    """A limit that is not kept is told, once; names of rules stand in code, so there are few."""
    if rule not in _unlimited:
        _unlimited.add(rule)
        log.warning("rate limit rule %r is not kept: the layer rate_limit is off", rule)
