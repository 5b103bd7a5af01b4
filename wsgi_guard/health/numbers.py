"""The checks as series for metrics: how each stands, how long it took and how often it ended how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wsgi_guard.series import COUNTER, GAUGE, ONE, Series

from .decide import NOTHING, PASS, WARN, Check, reading
from .monitor import Monitor

UP = "wsgi_guard_health_check_up"
STATUS = "wsgi_guard_health_check_status"
DURATION = "wsgi_guard_health_check_duration_seconds"
LAST = "wsgi_guard_health_check_last_run_timestamp_seconds"
AVAILABILITY = "wsgi_guard_health_check_availability_ratio"
RUNS = "wsgi_guard_health_check_runs"
WORTH = {"pass": 0.0, "warn": 1.0, "fail": 2.0, "unknown": 3.0}
"""Status -> its number, worse is higher, so that an alert rule reads `> 1`."""


def series(checks: Mapping[str, Check], monitor: Monitor, now: float) -> Iterator[Series]:
    for (name, status), count in tuple(monitor.counts().items()):
        yield Series(RUNS, COUNTER, "Runs of a check, by how they ended.", count, (("check", name), ("status", status)))
    if not monitor.watches:
        return
    seen = monitor.seen()
    for name, check in checks.items():
        state, labels = seen.get(name, NOTHING), (("check", name),)
        status = reading(check, state, now).status
        yield Series(UP, GAUGE, "1 while a check passes or warns, else 0.", status in (PASS, WARN), labels, ONE)
        yield Series(STATUS, GAUGE, "0 pass, 1 warn, 2 fail, 3 unknown.", WORTH[status], labels, ONE)
        if state.result is not None:
            yield Series(DURATION, GAUGE, "What the last run of a check took.", state.result.took, labels, ONE)
            yield Series(LAST, GAUGE, "When a check ran last.", state.result.time, labels, ONE)
        if state.trend is not None:
            for span, share in state.trend.availability(now).items():
                if share is not None:
                    wide = (*labels, ("span", span))
                    yield Series(AVAILABILITY, GAUGE, "Share of runs that did not fail.", share, wide, ONE)
