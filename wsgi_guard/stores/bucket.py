"""The token bucket: integer arithmetic that Python and Lua do alike.

A bucket holds `burst` tokens and gains `quantity` per window, evenly. What is kept is the debt, which is what the
bucket lacks of being full, as of a time: the form of GCRA (ITU-T I.371), in tokens instead of time, so that 10^9 per
second needs no fractions of a microsecond. A debt is counted in parts, millionths of a token; it shrinks by
`quantity / window` parts in a microsecond, rounded down.

Error bound. In any stretch of t seconds at most `burst + quantity * t / window` are admitted. The rounding forgets less
than a millionth of a token in each admitted charge, never in a client's favour.

All values stay below 2^53 while they matter: a product that passes it is larger than any debt.
"""

from __future__ import annotations

from .window import PARTS


def drained(quantity: int, window: int, elapsed: int) -> int:
    """Parts by which a debt shrinks in `elapsed` microseconds."""
    whole, rest = divmod(elapsed, window)
    return whole * quantity + rest * quantity // window


def owed(debt: int, quantity: int, window: int, elapsed: int) -> int:
    """The debt after `elapsed` microseconds.

    A clock that went back changes nothing, unless it went back so far that the debt would lock its owner out for longer
    than it takes to drain: then it is forgotten.
    """
    if elapsed < 0:
        return debt if drained(quantity, window, -elapsed) < debt else 0
    return max(0, debt - drained(quantity, window, elapsed))


def fits(brim: int, debt: int, cost: int) -> bool:
    """Whether there are `cost` tokens; `brim` is what the bucket holds, in parts."""
    return debt + cost * PARTS <= brim


def remaining(brim: int, debt: int) -> int:
    """Whole tokens that are there."""
    return max(0, brim - debt) // PARTS


def wait(brim: int, quantity: int, window: int, debt: int, cost: int) -> int:
    """Microseconds until there are `cost` tokens; two windows if there never will be."""
    if not quantity or cost * PARTS > brim:
        return 2 * window * PARTS
    return max(0, -(-(debt + cost * PARTS - brim) * window // quantity))


def refundable(cost: int, debt: int, quantity: int, window: int, elapsed: int) -> int:
    """Parts still owed of a charge of `cost` that left the debt at `debt`, `elapsed` microseconds ago.

    What the bucket has gained since went to the charges before it first; nobody gets back more than is still owed.
    """
    return min(cost * PARTS, owed(debt, quantity, window, elapsed))
