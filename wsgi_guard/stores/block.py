"""When denials become a block. Pure: times are microseconds, `now` is given."""

from __future__ import annotations

from typing import NamedTuple


class Block(NamedTuple):
    """What is kept of a denied key: `until` when it is blocked, 0 for not yet; `denials` in a row, latest at `last`."""

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
