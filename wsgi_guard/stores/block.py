"""When denials become a block, and when one of them was in error. Pure: times are microseconds, `now` is given.

Where charges are given back, a key may be at its limit by charges that will not count. A block that a denial then
brings stands only if none of them is given back: while a key is blocked it is charged nothing, so a charge that comes
back proves that the denial would have been none without it.
"""

from __future__ import annotations

from typing import NamedTuple

from . import bucket
from .contract import BUCKET, WINDOW, Debt


class Block(NamedTuple):
    """What is kept of a denied key: `until` when it is blocked, 0 for not yet; `denials` in a row, latest at `last`.

    `last` is 0 for a block by hand.
    """

    until: int
    denials: int
    last: int


NONE = Block(0, 0, 0)


def left(block: Block, now: int, longest: int) -> int:
    """Microseconds until the block ends, 0 when there is none.

    A block that seems to last more than `longest` stems from a clock that has gone back since, and has ended.
    """
    rest = block.until - now
    return rest if 0 < rest <= longest else 0


def denied(block: Block, now: int, seconds: int, after: int, span: int) -> Block:
    """The record after one more denial: a block of `seconds` once there are `after` of them."""
    in_row = block.denials + 1 if block.denials and 0 <= now - block.last <= span else 1
    if in_row >= after:
        return Block(now + seconds * 1_000_000, 0, now)
    return Block(0, in_row, now)


def lifted(block: Block, debt: Debt, now: int) -> bool:
    """Whether giving back this charge ends the block: it weighed on the key when a denial brought that."""
    policy, since = debt.policy, block.last
    if not policy.lifts or not since or block.until <= now:
        return False
    if policy.algorithm == WINDOW:
        return debt.at // policy.span >= since // policy.span - 1
    if policy.algorithm == BUCKET:
        return bucket.owed(debt.state[1], policy.quantity, policy.window, since - debt.at) > 0
    return debt.state[3] > since - policy.span
