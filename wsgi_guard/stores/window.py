"""The sliding window of two counters: integer arithmetic that Python and Lua do alike.

Time is cut into windows of the policy's length, the same for all keys. A key has a counter for the window that runs
and one for the window before, and of the latter that share still counts which a sliding window would still cover:

    estimate = previous * (PARTS - part) / PARTS + current        part = elapsed share of the window, 0 to PARTS - 1

Nothing is rounded: both sides of the comparison are multiplied by PARTS. With quantities up to 10^9 every value stays
below 2^53, so the doubles of Lua hold it exactly. Elapsed time is rounded down to a millionth of the window, which
can only count the past too high.

Error bound. At most `quantity` are admitted in a window as time is cut, and at most `quantity * (1 + part / PARTS)`,
so fewer than twice `quantity`, in any stretch of that length: who spends all at the end of one window may spend the
share `part` of the next. Who spends evenly is off by less than one.
"""

from __future__ import annotations

PARTS = 1_000_000


def fits(scaled: int, part: int, previous: int, current: int) -> bool:
    """Whether one more charge keeps the estimate within the quantity; `scaled` is quantity * PARTS."""
    return previous * (PARTS - part) + (current + 1) * PARTS <= scaled


def remaining(scaled: int, part: int, previous: int, current: int) -> int:
    """Charges that would still fit at this moment."""
    return max(0, (scaled - previous * (PARTS - part)) // PARTS - current)


def wait(scaled: int, part: int, previous: int, current: int) -> int:
    """Parts of a window until one more charge fits if nobody charges meanwhile; 2 * PARTS if none ever will."""
    free = scaled - (current + 1) * PARTS
    if free >= 0:
        return max(0, _faded(previous, free) - part)
    free = scaled - PARTS
    if free < 0:
        return 2 * PARTS
    # The running window is spent: in the next one its counter is the one that fades.
    return PARTS - part + _faded(current, free)


def _faded(counter: int, free: int) -> int:
    """The first part of a window in which `counter` of the window before weighs `free` or less."""
    return max(0, PARTS - free // counter) if counter else 0


def seconds(parts: int, window: int) -> int:
    """Whole seconds, rounded up, for `parts` of a window of `window` seconds."""
    return -(-parts * window // PARTS)
