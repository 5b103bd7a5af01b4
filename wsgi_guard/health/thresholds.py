"""What a run measured against the bounds of its check: beyond one of `warn` it is degraded, of `fail` it fails.

Pure. A threshold can only make a reading worse; a measure that was not taken is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from wsgi_guard.settings.fields import Threshold

from .decide import FAIL, PASS, UNKNOWN, WARN, Check, Reading

COMPARES = {">": gt, ">=": ge, "<": lt, "<=": le}
WORSE = (PASS, WARN, UNKNOWN, FAIL)


def merged(own: Iterable[Threshold], defaults: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """A threshold somebody wrote takes the place of the defaults for its measure."""
    written = tuple(own)
    return (*written, *(one for one in defaults if one.measure not in {other.measure for other in written}))


def judged(reading: Reading, took: float, warn: Iterable[Threshold], fail: Iterable[Threshold]) -> Reading:
    """`took` in seconds is a measure too, as duration_ms."""
    measures = {**reading.observed, "duration_ms": took * 1000}
    for status, bounds in ((FAIL, tuple(fail)), (WARN, tuple(warn))):
        beyond = [bound for bound in bounds if is_beyond(measures, bound)]
        if beyond and WORSE.index(status) > WORSE.index(reading.status):
            cause = ", ".join(f"{bound.measure} {bound.compare} {bound.bound:g}" for bound in beyond)
            return Reading(status, cause, reading.observed)
    return reading


def untaken(reading: Reading, check: Check, known: Iterable[Threshold]) -> list[str]:
    """Measures that thresholds of the check are about and a run that worked did not take: most likely misspelt.

    `known` are those of its kind, some of which not every run and machine can take.
    """
    asked = {bound.measure for bound in (*check.warn, *check.fail)} - {bound.measure for bound in known}
    return sorted(map(repr, asked - reading.observed.keys() - {"duration_ms"}))


def is_beyond(measures: Mapping[str, Any], threshold: Threshold) -> bool:
    value = measures.get(threshold.measure)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return bool(COMPARES[threshold.compare](value, threshold.bound))
