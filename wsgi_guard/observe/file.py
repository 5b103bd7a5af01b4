"""A file that lines are added to, one write each: in the hands of the kernel before the next request begins.

So a worker that is killed loses none, and lines of several processes do not mix.
"""

from __future__ import annotations

import os
import threading
from weakref import finalize

EVERY = 1.0
"""Seconds between two looks whether the file was moved away, as logrotate does."""

STANDARD_ERROR = 2


class File:
    """`path` None is standard error. Raises OSError when the file cannot be opened."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._file = STANDARD_ERROR
        if path is not None:
            self._file = _opened(path)
            # The last lines come when the process ends.
            finalize(self, os.close, self._file).atexit = False
        self._looked = 0.0
        # Guards the change of files, not the writing.
        self._lock = threading.Lock()

    def write(self, data: bytes, now: float) -> None:
        """Raises OSError for what cannot be written."""
        if self._path is not None and not 0 <= now - self._looked < EVERY:
            self._follow(self._path, now)
        sent = os.write(self._file, data)
        while sent < len(data):
            sent += os.write(self._file, data[sent:])

    def _follow(self, path: str, now: float) -> None:
        """Opens the file anew when another one, or none, stands in its place."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._looked = now
            if not _is_at(self._file, path):
                fresh = _opened(path)
                # In one step, so that no other thread writes into a number that means something else by then.
                os.dup2(fresh, self._file, inheritable=False)
                os.close(fresh)
        finally:
            self._lock.release()


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _is_at(file: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    own = os.fstat(file)
    return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)
