"""libpq called with the interpreter kept in hand, for which the driver has no calls.

All of these only move memory, but for one short poll: to let other threads run meanwhile costs more than they take. It
is the very copy of libpq that the driver's own C code is linked with, so that both may work on one connection.
"""

from __future__ import annotations

import sys
from ctypes import POINTER, PYFUNCTYPE, PyDLL, Structure, c_char_p, c_int, c_long, c_short, c_void_p, cast
from functools import cache
from typing import Any

from psycopg import pq
from psycopg.pq.misc import PGnotify


class Notice(Structure):
    """PGnotify of libpq-fe.h, as far as it is public."""

    _fields_ = (("channel", c_char_p), ("pid", c_int), ("payload", c_char_p))


class Poll(Structure):
    """struct pollfd of poll.h."""

    _fields_ = (("descriptor", c_int), ("events", c_short), ("found", c_short))


class Time(Structure):
    """struct timespec of time.h."""

    _fields_ = (("seconds", c_long), ("nanoseconds", c_long))


class Libpq:
    """Functions as libpq and poll.h document them. AttributeError when `file` or the system has one of them not.

    A connection is the address that `pgconn_ptr` tells, to be asked for in the very call: between two steps of a thread
    another may end it. None is as good as a connection that is gone.
    """

    def __init__(self, file: str) -> None:
        library, system = PyDLL(file), PyDLL(None)

        def call(kind: Any, name: str, *arguments: Any, of: PyDLL = library) -> Any:
            return PYFUNCTYPE(kind, *arguments)((name, of))

        conn, array = c_void_p, c_void_p
        self.is_busy = call(c_int, "PQisBusy", conn)
        self.notifies = call(c_void_p, "PQnotifies", conn)
        self.send_query = call(c_int, "PQsendQuery", conn, c_char_p)
        self.send_prepared = call(c_int, "PQsendQueryPrepared", conn, c_char_p, c_int, array, array, array, c_int)
        self.send_params = call(
            c_int, "PQsendQueryParams", conn, c_char_p, c_int, array, array, array, array, c_int
        )
        self.ppoll = call(c_int, "ppoll", c_void_p, c_int, c_void_p, c_void_p, of=system)
        self._free = call(None, "PQfreemem", c_void_p)

    def notice(self, found: int) -> PGnotify:
        """What `notifies` found; its memory is free afterwards."""
        notice = cast(found, POINTER(Notice)).contents
        told = PGnotify(notice.channel, notice.pid, notice.payload)
        self._free(found)
        return told


@cache
def libpq() -> Libpq | None:
    """None where the driver is no C code of its own, or its file does not lead to its libpq."""
    try:
        return Libpq(str(sys.modules[pq.PGconn.__module__].__file__))
    except (OSError, AttributeError, KeyError):
        return None
