"""The sliding window of two counters: integer arithmetic that Python and Lua do alike.

Time is cut into windows of the policy's length, the same for all keys. A key has a counter for the window that runs
and one for the window before, and of the latter that share still counts which a sliding window would still cover:

    estimate = previous * (PARTS - part) / PARTS + current        part = elapsed share of the window, 0 to PARTS - 1

A charge passes while the estimate, rounded to the nearest whole, is below the quantity. Rounded up, "1 per hour" would
mean one in two hours to a client that keeps asking; rounded down, two within a second. Both sides of the comparison
are multiplied by PARTS; with quantities up to 10^9 every value stays below 2^53, so the doubles of Lua hold it exactly.
Elapsed time is rounded down to a millionth of the window, which can only count the past too high.

Error bound. At most `quantity` are admitted in a window as time is cut, and at most `quantity * (1 + part / PARTS)`
rounded, so never more than twice `quantity`, in any stretch of that length: who spends all at the end of one window
may spend the share `part` of the next. Who keeps asking gets the full quantity in every window, and no more.
"""

from __future__ import annotations

PARTS = 1_000_000
HALF = PARTS // 2


def fits(scaled: int, part: int, previous: int, current: int, cost: int = 1) -> bool:
    """Whether a charge of `cost` passes; `scaled` is quantity * PARTS."""
    return previous * (PARTS - part) + (current + cost) * PARTS - HALF < scaled


def remaining(quantity: int, part: int, previous: int, current: int) -> int:
    """Charges of 1 that would still pass at this moment."""
    return max(0, quantity - (previous * (PARTS - part) + HALF) // PARTS - current)


def wait(scaled: int, part: int, previous: int, current: int, cost: int = 1) -> int:
    """Parts of a window until a charge of `cost` passes if nobody charges meanwhile; 2 * PARTS if it never will."""
    alone = scaled + HALF - cost * PARTS
    free = alone - current * PARTS
    if free > 0:
        return max(0, _faded(previous, free) - part)
    if alone <= 0:
        return 2 * PARTS
    # The running window is spent: in the next one its counter is the one that fades.
    return PARTS - part + _faded(current, alone)


def refunded(index: int, previous: int, current: int, cost: int, charged: int) -> tuple[int, int]:
    """(previous, current) without a charge of `cost` made in window `charged`, where the counters stand in `index`."""
    if charged == index:
        return previous, max(0, current - cost)
    if charged == index - 1:
        return max(0, previous - cost), current
    return previous, current


def _faded(counter: int, free: int) -> int:
    """The first part of a window in which `counter` of the window before weighs less than `free`."""
    return max(0, PARTS - (free - 1) // counter) if counter else 0
