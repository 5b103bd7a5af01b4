"""Access lines past logging: one write of what orjson made, to a file or to standard error.

A line is in the hands of the kernel before the next request begins, so a worker that is killed loses none.
"""

from __future__ import annotations

import logging
import os
import threading
from importlib.util import find_spec
from typing import Any

from .lines import CLOCK, access_line

EVERY = 1.0
"""Seconds between two looks whether the file was moved away, as logrotate does."""

NAME = "wsgi_guard.access"
STANDARD_ERROR = 2
log = logging.getLogger("wsgi_guard")


class Direct:
    """`path` None is standard error. What cannot be written is counted, and said once for each new reason."""

    def __init__(self, path: str | None) -> None:
        if find_spec("orjson") is None:
            raise ValueError("log.handler: 'direct' needs the package orjson, which the extra wsgi-guard[fast] brings")
        self._path = path
        self._file = STANDARD_ERROR
        self._looked = 0.0
        self._dumps: Any = None
        self._said = ""
        self.lost = 0
        # Guards the change of files, not the writing.
        self._lock = threading.Lock()

    def open(self) -> None:
        """Once in each process. Raises OSError when the file cannot be opened."""
        import orjson

        def dumps(line: dict[str, Any]) -> bytes:
            return orjson.dumps(line, None, orjson.OPT_APPEND_NEWLINE)

        self._dumps = dumps
        self._lock = threading.Lock()
        if self._path is not None:
            self._file = _opened(self._path)

    def write(self, access: dict[str, Any], level: int, now: float) -> None:
        line = {"time": CLOCK.text(now), "level": logging.getLevelName(level), "logger": NAME, **access}
        try:
            data = self._dumps(line)
        except (TypeError, ValueError):
            # Half a character, which is no UTF-8, in what the app gave as identity.
            data = (access_line(now, line["level"], NAME, access) + "\n").encode()
        try:
            if self._path is not None and not 0 <= now - self._looked < EVERY:
                self._follow(now)
            sent = os.write(self._file, data)
            while sent < len(data):
                sent += os.write(self._file, data[sent:])
        except OSError as error:
            self._lose(error)

    def _follow(self, now: float) -> None:
        """Opens the file anew when another one, or none, stands in its place."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._looked = now
            if not _is_at(self._file, str(self._path)):
                fresh = _opened(str(self._path))
                # In one step, so that no other thread writes into a number that means something else by then.
                os.dup2(fresh, self._file, inheritable=False)
                os.close(fresh)
        finally:
            self._lock.release()

    def _lose(self, error: OSError) -> None:
        self.lost += 1
        reason = os.strerror(error.errno or 0)
        if reason != self._said:
            self._said = reason
            log.error("an access line could not be written: %s; further ones are counted only", reason)


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _is_at(file: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    own = os.fstat(file)
    return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)
