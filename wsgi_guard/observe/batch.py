"""Lines that come close together, handed over together: the way to the kernel costs as much as all else of a line.

A line that comes alone is handed over at once. While many come they wait for each other, 5 milliseconds long; what is
left when no more come is fetched by a thread.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import time
from typing import Any
from weakref import WeakMethod, finalize, ref

from wsgi_guard.native import original

TOGETHER = 0.005
"""Seconds within which lines are one write, and after which a thread fetches what was left.

One write for a hundred lines in place of twenty is a tenth of what a line costs.
"""

Hand = Callable[[list[bytes], float], None]


class Batch:
    """`hand` gets the lines of a batch and the time; it raises nothing. For one process, made in it."""

    def __init__(self, hand: Hand) -> None:
        self._hand = WeakMethod(hand)
        self._lines: deque[bytes] = deque()
        self._handed = 0.0
        self._waiting = False
        self._bell = original("_thread", "allocate_lock")()
        self._bell.acquire()
        # A thread of the operating system: greenlets of a worker that is busy do not run.
        original("_thread", "start_new_thread")(_fetch, (ref(self), self._bell))
        finalize(self, _ring, self._bell).atexit = False
        atexit.register(_fetch_last, ref(self), os.getpid())

    def add(self, line: bytes, now: float) -> None:
        self._lines.append(line)
        if not 0 <= now - self._handed < TOGETHER:
            self.hand_over(now)
        elif not self._waiting:
            self._waiting = True
            _ring(self._bell)

    def hand_over(self, now: float) -> None:
        self._handed = now
        found: list[bytes] = []
        with suppress(IndexError):
            # Each line is taken by one thread, whichever others do the same.
            found.extend(iter(self._lines.popleft, None))
        hand = self._hand()
        if found and hand is not None:
            hand(found, now)

    def fetch(self) -> None:
        # Before the lines are taken: who adds one later rings again.
        self._waiting = False
        self.hand_over(time())


def _ring(bell: Any) -> None:
    # It rings already where another thread was faster.
    with suppress(RuntimeError):
        bell.release()


def _fetch(batch: Any, bell: Any) -> None:
    """Until the batch is dropped."""
    sleep = original("time", "sleep")
    while True:
        bell.acquire()
        sleep(TOGETHER)
        found: Batch | None = batch()
        if found is None:
            return
        found.fetch()
        del found


def _fetch_last(batch: Any, pid: int) -> None:
    found: Batch | None = batch()
    if found is not None and pid == os.getpid():
        found.fetch()
