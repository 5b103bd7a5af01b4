"""One run of a check, timed and judged, whatever it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .decide import FAIL, Check, Reading, Result
from .thresholds import judged

if TYPE_CHECKING:
    from .monitor import Clock


Tell = Callable[[str, BaseException], None]


def measured(check: Check, run: Callable[[float], Reading], clock: Clock, tell: Tell | None = None) -> Result:
    """One run, judged. Whatever it raises, SystemExit too, is a reading, for the watch waits; `tell` hears of it."""
    began = clock.now()
    try:
        reading = run(check.timeout)
    except BaseException as error:
        reading = Reading(FAIL, causes(error))
        if tell is not None:
            tell(check.name, error)
    now = clock.now()
    if now - began >= check.timeout:
        reading = Reading(FAIL, "timed out", reading.observed)
    else:
        reading = judged(reading, now - began, check.warn, check.fail)
    return Result(reading, now, clock.wall(), now - began)


def causes(error: BaseException) -> str:
    """Names of the classes of an exception and what it was raised from, at most three; their texts may hold secrets."""
    names = [type(error).__name__]
    while (cause := error.__cause__) is not None and len(names) < 3:
        error = cause
        names.append(type(error).__name__)
    return " from ".join(names)
