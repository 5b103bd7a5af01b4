"""The short way of access lines: to the guard's own output where no record of logging would be seen on the way.

A record that nobody but the guard's own formatter reads costs more than the line it becomes. Handlers, filters, levels,
loggers and record factories of the user, and tools that put functions of their own into logging, close the short way
at once; while it is closed records are made, and go where logging sends them.
"""

from __future__ import annotations

import logging
from typing import Any

from .binding import makes_plainly
from .logs import LOGGER, Fallback, JsonFormatter, OwnFile
from .records import NAME


class Straight:
    """Asked for each request: whatever is set up may change while the process runs."""

    def __init__(self) -> None:
        self._log, self._above, self._root = (logging.getLogger(name) for name in (NAME, LOGGER, None))
        self._ways: tuple[object, ...] = ()
        self._plain = False

    def output(self, level: int) -> OwnFile | Fallback | None:
        """The one output that a record of `level` would come to, if it is the guard's own and writes JSON."""
        log, above, root = self._log, self._above, self._root
        handlers = above.handlers
        if (
            len(handlers) != 1 or log.handlers or log.filters or (above.propagate and root.handlers)
            or not log.propagate or log.parent is not above or above.parent is not root
        ):  # fmt: skip
            return None
        own: Any = handlers[0]
        kind = type(own)
        if (
            (kind is not OwnFile and kind is not Fallback) or own.level > level or own.filters
            or type(own.formatter) is not JsonFormatter or (kind is Fallback and root.handlers)
        ):  # fmt: skip
            return None
        ways = (log.makeRecord, logging.getLogRecordFactory(), log.handle, log.callHandlers)
        if ways != self._ways:
            self._ways, self._plain = ways, _plain(*ways)
        return own if self._plain else None


def _plain(make: Any, factory: Any, handle: Any, call: Any) -> bool:
    """Whether records are made and passed on as logging itself does it."""
    passing = (getattr(one, "__func__", None) for one in (handle, call))
    own = all(getattr(one, "__globals__", None) is vars(logging) for one in passing)
    return own and makes_plainly(getattr(make, "__func__", None), factory)
