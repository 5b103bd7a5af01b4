"""What a signal raises in the middle of a request, as a timeout of the app's does, leaves no lock held."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any

import pytest

from wsgi_guard.client import Addresses
from wsgi_guard.facts import Facts, Origin
from wsgi_guard.layer import Outcome
from wsgi_guard.observe.endpoints import Endpoints
from wsgi_guard.observe.metrics import Metrics
from wsgi_guard.routes import Routes
from wsgi_guard.stores import MemoryStore, Policy

ALARMS, LONG = 400, 20_000


class TimeIsOver(Exception):
    pass


def of_store() -> tuple[Callable[[], Any], Lock]:
    store, policies = MemoryStore(10), (Policy("many", 10**9, 3600),)
    return lambda: store.charge(policies, ("client",)), store._lock


def of_numbers() -> tuple[Callable[[], Any], Lock]:
    metrics = Metrics(Endpoints(set()), lambda: None, ())
    metrics.start()
    origin = Origin(Routes(), Addresses(None, "x-forwarded-for"), None)
    facts = Facts({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, origin)
    outcome = Outcome(200, 0.1, "return")

    def count() -> None:
        metrics.before(facts)
        metrics.finish(facts, outcome)

    return count, metrics.sheet.lock


@pytest.mark.parametrize("make", [of_store, of_numbers])
def test_alarm_leaves_no_lock_held(make: Callable[[], tuple[Callable[[], Any], Lock]]) -> None:
    work, lock = make()

    def ring(*_: object) -> None:
        raise TimeIsOver

    before = signal.signal(signal.SIGALRM, ring)
    try:
        for at in range(ALARMS):
            with suppress(TimeIsOver):
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + at * 1e-7)
                # Many times what fits; an alarm that comes where Python only prints what is raised ends nothing.
                for _ in range(LONG):
                    work()
            assert not lock.locked()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
