"""What a state means, whatever the algorithm. Pure; times are microseconds."""

from __future__ import annotations

from . import bucket, window
from .contract import BUCKET, WINDOW, Policy, State

LONGEST_BLOCK = 366 * 86400
"""Seconds; the longest that a key can be blocked."""


def left(policy: Policy, state: State) -> int:
    """Charges of 1 that would still pass at this moment."""
    fits, a, b, c = state
    if fits < 0:
        return 0
    if policy.algorithm == WINDOW:
        return window.remaining(policy.quantity, a, b, c) if b else max(0, policy.quantity - c)
    if policy.algorithm == BUCKET:
        return bucket.remaining(policy.brim, a)
    return max(0, policy.quantity - a)


def wait(policy: Policy, state: State, cost: int = 1) -> int:
    """Time until a charge of `cost` passes if nobody charges meanwhile; 0 when it would pass now."""
    fits, a, b, c = state
    if fits < 0:
        return a
    if policy.algorithm == WINDOW:
        return window.wait(policy.scaled, a, b, c, cost) * policy.window
    if policy.algorithm == BUCKET:
        return bucket.wait(policy.brim, policy.quantity, policy.window, a, cost)
    if cost > policy.quantity:
        return 2 * policy.span
    # A log that fitted tells no wait: when it is full, its oldest entry is the next to leave.
    return c if not fits else b if a + cost > policy.quantity else 0


def renewal(policy: Policy, state: State) -> int:
    """Time until more will be left than now: the end of the running window, the oldest entry's leave, a full bucket."""
    fits, a, b, _ = state
    if fits < 0:
        return a
    if policy.algorithm == WINDOW:
        return (window.PARTS - a) * policy.window
    if policy.algorithm == BUCKET:
        return -(-a * policy.window // policy.quantity) if policy.quantity else policy.span
    return b
