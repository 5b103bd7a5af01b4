"""The sliding log: the time of every charge, kept for a window. Pure arithmetic over a sorted row of times.

Error bound: none. In no stretch `[t, t + window)` are more than `quantity` admitted. It costs memory for each charge,
which is why a quantity of it is bounded, and a charge of cost n stands there n times.

Places for requests in flight are the same row: a request's place is given back at its end, or after the window (its
lease) if the process that held it died.
"""

from __future__ import annotations

from collections.abc import Sequence


def expired(times: Sequence[int], now: int, span: int) -> int:
    """How many times at the front of the row have left the window that ends `now`.

    A row that reaches further than a window into the future stems from a clock that has gone back since; all of it is
    forgotten, for it would lock its owner out until then.
    """
    if times and times[-1] > now + span:
        return len(times)
    gone = 0
    for time in times:
        if time > now - span:
            break
        gone += 1
    return gone


def wait(times: Sequence[int], quantity: int, cost: int, now: int, span: int) -> int:
    """Microseconds until a charge of `cost` fits, none of `times` being expired; two windows if it never will."""
    if cost > quantity:
        return 2 * span
    return times[len(times) + cost - quantity - 1] + span - now
