"""What is said of a request: under which method it counts, how long it had waited. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsgi_guard.facts import Decision
from wsgi_guard.settings.sections import THREATS

UNMATCHED = "(unmatched)"
OTHER = "(other)"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""RFC 9110, 9, and PATCH; clients can invent others without end."""

HOUR = 3600.0
"""Seconds; no request waits so long for a worker, so a clock is wrong."""


def method_label(method: str) -> str:
    return method if method in METHODS else OTHER


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
