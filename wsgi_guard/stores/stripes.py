"""Locks between the threads and processes of one host, one for each stripe of a table.

A stripe is a byte of a file, locked by `fcntl`: the kernel lets go of it when the process dies. Within a process that
excludes nobody, so each stripe has a lock for threads as well. Nobody waits for ever: a process that is frozen inside
a stripe makes others give up.
"""

from __future__ import annotations

import fcntl
import os
import threading

from .patience import retry


class Stripes:
    """`file` must stay open, and no other descriptor of it may be closed: that would drop the process's locks."""

    def __init__(self, file: int, count: int) -> None:
        self._file = file
        self._count = count
        self._begin()

    def _begin(self) -> None:
        # A lock that another thread held at a fork stays held in the child.
        self._pid = os.getpid()
        self._locks = [threading.Lock() for _ in range(self._count)]

    def take(self, stripe: int, timeout: float) -> bool:
        """Whether the stripe could be had within `timeout` seconds; 0 does not wait at all."""
        if self._pid != os.getpid():
            self._begin()
        lock = self._locks[stripe]
        if not lock.acquire(blocking=False) and not (timeout and lock.acquire(timeout=timeout)):
            return False
        held = False
        try:
            held = self._try(stripe) or (bool(timeout) and retry(lambda: self._try(stripe), timeout))
        finally:
            if not held:
                lock.release()
        return held

    def give(self, stripe: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, stripe)
        self._locks[stripe].release()

    def _try(self, stripe: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, stripe)
        except OSError:
            return False
        return True
