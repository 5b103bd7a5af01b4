"""Waiting for a lock that others hold for microseconds, and never for ever."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic, sleep

SPINS = 20
"""Attempts before sleeping: a charge is over in microseconds."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.00005, 0.001


def retry(attempt: Callable[[], bool], timeout: float) -> bool:
    """Whether `attempt` succeeded within `timeout` seconds."""
    deadline = monotonic() + timeout
    attempts, pause = 0, SHORTEST_PAUSE
    while monotonic() < deadline:
        attempts += 1
        if attempts <= SPINS:
            os.sched_yield()
        else:
            sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        if attempt():
            return True
    return False
