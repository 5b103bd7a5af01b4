"""When a check that fails is worth an alarm, and when it is over: runs in a row, flapping, and what it depends on.

Values in, values out. One bad run is an accident; a check that goes to and fro all the time never has many in a row of
either kind, and is failing until it has calmed down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from wsgi_guard.changes import FAILING, RECOVERED

from .decide import Check, Standing

KEPT = 20
"""Runs that are remembered to see flapping: ten minutes of the default interval."""
FLAPS, CALM = 6, 3
"""Changes among the runs kept from which on a check flaps, and down to which it is calm again: 30 and 15 %."""


def after(before: Standing, failed: bool, now: float, time: float, *, blocked: bool = False) -> Standing:
    """The standing after one more run; `blocked` when something it needs failed meanwhile."""
    runs = (before.runs + ("f" if failed else "p"))[-KEPT:]
    changes = sum(one != other for one, other in pairwise(runs))
    flaps = changes > CALM if before.flaps else changes >= FLAPS
    first = failed and not before.failures and not before.told
    return replace(
        before,
        failures=before.failures + 1 if failed else 0,
        passes=0 if failed else before.passes + 1,
        runs=runs,
        began=now if first else before.began,
        since=time if first else before.since,
        flaps=flaps,
        alone=before.alone + 1 if failed and not blocked else 0,
        cleared=now if before.failures and not failed else before.cleared,
    )


def blocked(standings: Iterable[Standing], began: float) -> bool:
    """Whether a run that began then says nothing of the check itself: one of those it needs failed in that time."""
    return any(one.failures or one.cleared > began for one in standings)


def change(check: Check, standings: Mapping[str, Standing], above: Iterable[str], looked: Mapping[str, float]) -> str:
    """What is to be told of a check now: "failing", "recovered", or "" for nothing.

    `above` is all it needs, directly or not, and `looked` when each check was last looked at. A failure is held back
    while something above fails, and until all of that was looked at since the failure began. What failed under a root
    that is well by now is not its own: it has to fail again.
    """
    own = standings[check.name]
    if own.told:
        return RECOVERED if own.passes >= check.passes and not own.flaps else ""
    if not (own.alone >= check.failures or (own.flaps and own.alone)):
        return ""
    held = any(standings[name].failures or looked.get(name, 0.0) < own.began for name in above)
    return "" if held else FAILING
