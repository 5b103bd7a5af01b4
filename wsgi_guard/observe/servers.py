"""What a server logs of an exception that came through to it, without the secrets in it.

The guard answers for an app that raises before its answer begins. What is raised in a body or in its `close` goes on to
the server, as PEP 3333 wants, and the server writes the traceback and the address of the request into its own log.
"""

from __future__ import annotations

import logging

from wsgi_guard.redact import REDACTED_BY, Redactor

from .logs import message_of, trace_of

SERVERS = ("gunicorn.error", "waitress")
"""Loggers of servers; others write to standard error by themselves, where nobody can step in."""


class Discretion(logging.Filter):
    """Passes every record on; those of errors as they may be read."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        info = record.exc_info if isinstance(record.exc_info, tuple) else (None, None, None)
        if record.levelno < logging.ERROR and info[0] is None:
            return True
        redactor = getattr(info[1], REDACTED_BY, self._redactor)
        record.msg, record.args = redactor.error(message_of(record)), ()
        if info[0] is not None:
            record.exc_text = trace_of(info, redactor)
        return True


def be_discreet(redactor: Redactor) -> None:
    """Has the logs of servers in this process go through `redactor`, in the place of an earlier one."""
    for name in SERVERS:
        logger = logging.getLogger(name)
        for earlier in [one for one in logger.filters if isinstance(one, Discretion)]:
            logger.removeFilter(earlier)
        logger.addFilter(Discretion(redactor))
