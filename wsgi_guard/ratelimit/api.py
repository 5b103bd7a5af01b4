"""`from wsgi_guard import limits`: rate limits by hand, in any framework and outside requests.

Inside a request it is the guard of that request, elsewhere the one guard of the process that has limits; where there
are several, ask `guard.limits` of the one that is meant. RuntimeError when there is none, or not one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgi_guard.facts import current
from wsgi_guard.process import stacks

from .control import Control, Key, LimitState

if TYPE_CHECKING:
    from .layer import RateLimit

__all__ = ["LimitState", "block", "check", "peek", "reset", "unblock"]


def check(rule: str, key: Key, cost: int = 1) -> LimitState:
    """See `Control.check`."""
    return _control().check(rule, key, cost)


def peek(rule: str, key: Key) -> LimitState:
    """See `Control.peek`."""
    return _control().peek(rule, key)


def reset(rule: str, key: Key) -> None:
    """See `Control.reset`."""
    _control().reset(rule, key)


def block(rule: str, key: Key, duration: float | str | None = None) -> None:
    """See `Control.block`."""
    _control().block(rule, key, duration)


def unblock(rule: str, key: Key) -> None:
    """See `Control.unblock`."""
    _control().unblock(rule, key)


def _control() -> Control:
    facts = current()
    while facts is not None:
        if facts.limits is not None:
            layer: RateLimit = facts.limits.layer
            return layer.control
        facts = facts.root if facts.root is not facts else None
    found = [stack.limits for stack in stacks() if stack.limits is not None]
    if len(found) != 1:
        many = "several guards" if found else "no guard"
        raise RuntimeError(f"{many} with rate limits in this process, ask guard.limits of the one that is meant")
    return found[0]
