"""Records of the access log, made from one that logging made: a quarter of what making each anew takes.

They hold all that records of this Python hold. Where the user or a tool makes records in a way of its own, by a
factory, a class of loggers or a `makeRecord` put in place, that way is gone.
"""

from __future__ import annotations

import logging
from threading import current_thread, get_ident
from typing import Any

from .binding import makes_plainly

NAME = "wsgi_guard.access"
MESSAGE = "%s %s %s in %.1f ms"
_LEVELS = (logging.INFO, logging.WARNING)

Said = tuple[Any, ...]


class Records:
    """For one process, made in it."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._ways: tuple[object, object] = (None, None)
        self._plain = False
        self._forms = {level: dict(vars(self._anew(level, ()))) for level in _LEVELS}
        form = self._forms[logging.INFO]
        self._began: float = form["created"] - form["relativeCreated"] / 1000

    def record(self, level: int, access: dict[str, Any], now: float) -> logging.LogRecord:
        """The record that tells `access`, which it holds under that name."""
        said = (access["method"], access["path"], access["status"], access["duration"] * 1000)
        ways = getattr(self._log.makeRecord, "__func__", None), logging.getLogRecordFactory()
        if ways != self._ways:
            self._ways, self._plain = ways, makes_plainly(*ways)
        if not self._plain:
            record = self._anew(level, said)
            vars(record).update(access=access, request_id=access["request_id"], trace_id=access["trace_id"])
            return record
        record = logging.LogRecord.__new__(logging.LogRecord)
        # The request may have ended where it is not the one that runs: its ids are given here.
        told = {
            **self._forms[level], "args": said, "created": now, "msecs": float(int(now % 1 * 1000)),
            "relativeCreated": (now - self._began) * 1000, "access": access, "request_id": access["request_id"],
            "trace_id": access["trace_id"],
        }  # fmt: skip
        if told["thread"] is not None:
            told["thread"], told["threadName"] = get_ident(), current_thread().name
        record.__dict__ = told
        return record

    def _anew(self, level: int, said: Said) -> logging.LogRecord:
        return self._log.makeRecord(NAME, level, "(wsgi_guard)", 0, MESSAGE, said, None)
