"""What a server logs of an exception that came through to it, without the secrets in it.

The guard answers for an app that raises before its answer begins. What is raised in a body or in its `close` goes on to
the server, as PEP 3333 wants, and the server writes the traceback and the address of the request into its own log.
"""

from __future__ import annotations

import logging
from traceback import format_exception

from wsgi_guard.redact import REDACTED_BY, Redactor, plain_text

from .logs import redacted_trace

SERVERS = ("gunicorn.error", "waitress")
"""Loggers of servers; others write to standard error by themselves, where nobody can step in."""


class Discretion(logging.Filter):
    """Passes every record on; those of errors as they may be read."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR and not record.exc_info:
            return True
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        redactor = getattr(error, REDACTED_BY, self._redactor)
        try:
            record.msg, record.args = redactor.error(record.getMessage()), ()
            if isinstance(record.exc_info, tuple) and error is not None:
                record.exc_text = redacted_trace(format_exception(*record.exc_info), redactor)
        except Exception as failure:
            # An exception that cannot be put into words must not come out raw for that.
            record.msg, record.args = plain_text(record.msg), ()
            record.exc_info = None
            record.exc_text = f"{type(error).__name__}, which cannot be shown ({type(failure).__name__})"
        return True


def be_discreet(redactor: Redactor) -> None:
    """Has the logs of servers in this process go through `redactor`, in the place of an earlier one."""
    for name in SERVERS:
        logger = logging.getLogger(name)
        for earlier in [one for one in logger.filters if isinstance(one, Discretion)]:
            logger.removeFilter(earlier)
        logger.addFilter(Discretion(redactor))
