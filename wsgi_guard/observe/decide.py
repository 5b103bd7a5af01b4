"""What is said of a request: which counters its decisions add to, how long it had waited. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsgi_guard.facts import Decision
from wsgi_guard.settings.sections import THREATS

UNMATCHED = "(unmatched)"

HOUR = 3600.0
"""Seconds; no request waits so long for a worker, so a clock is wrong."""


def counted(decisions: Sequence[Decision], endpoint: str) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Name, meaning and labels of every counter that what was decided about a request adds one to."""
    for layer, verdict, rule, *_ in decisions:
        yield "wsgi_guard_decisions", "What layers decided.", (("layer", layer), ("verdict", verdict))
        if layer != "validation" or verdict not in ("deny", "shadow"):
            continue
        if rule in THREATS:
            yield "wsgi_guard_threats", "Attacks that were found.", (("class", rule), ("verdict", verdict))
        elif verdict == "deny":
            yield "wsgi_guard_validation_failures", "Requests that no schema allows.", (("endpoint", endpoint),)


def queued(header: str, now: float) -> float | None:
    """Seconds since a proxy took the request, as its X-Request-Start says; None for what is no such time.

    Written with or without "t=", in seconds, milli-, micro- or nanoseconds since 1970.
    """
    try:
        start = float(header[:40].strip().removeprefix("t="))
    except ValueError:
        return None
    # A time of today is 1.8e9 seconds; a thousand times as much is the next unit.
    for unit in (1.0, 1e3, 1e6, 1e9):
        if abs(now - start / unit) < HOUR:
            return max(0.0, now - start / unit)
    return None
