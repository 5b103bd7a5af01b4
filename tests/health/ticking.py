"""A clock moved by hand, and waiting for what another thread does, bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from wsgi_guard import Guard
from wsgi_guard.health.layer import Health
from wsgi_guard.health.monitor import Clock, Monitor

PATIENCE = 20.0
"""Seconds after which a test that waits has failed; a thread needs milliseconds, a loaded machine more."""


class Hands:
    """`clock` stands still until `forward`."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.clock = Clock(lambda: self.time, lambda: 1_700_000_000.0 + self.time, lambda: 0.5)

    def forward(self, seconds: float, monitor: Monitor) -> None:
        self.time += seconds
        monitor.wake()


def until(holds: Callable[[], bool]) -> None:
    """Returns as soon as `holds()`; AssertionError when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)


def stop_monitors(guards: Iterable[Guard]) -> None:
    """Ends the threads of whole guards."""
    for guard in guards:
        for layer in guard.stack.full.layers:
            if isinstance(layer, Health):
                layer._monitor.stop(PATIENCE)
