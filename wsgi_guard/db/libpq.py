"""libpq called without a step aside for other threads, for which the driver has no calls.

What is called here moves memory and sends without waiting, but for one short poll: to let other threads run meanwhile
costs more than it takes. It is the libpq of the driver's own C code, so that both may work on one connection.
"""

from __future__ import annotations

import sys
from ctypes import (
    POINTER,
    PYFUNCTYPE,
    PyDLL,
    Structure,
    addressof,
    c_char_p,
    c_int,
    c_long,
    c_short,
    c_ulong,
    c_void_p,
    cast,
)
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
    """Functions as libpq and poll.h document them. AttributeError when one of them is not there.

    A connection is the address that `pgconn_ptr` tells, to be asked for in the very call: between two steps of a thread
    another may end it. None is as good as a connection that is gone.
    """

    def __init__(self, library: PyDLL, system: PyDLL) -> None:
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
        self.ppoll = call(c_int, "ppoll", c_void_p, c_ulong, c_void_p, c_void_p, of=system)
        self._free = call(None, "PQfreemem", c_void_p)

    def notice(self, found: int) -> PGnotify:
        """What `notifies` found; its memory is free afterwards."""
        notice = cast(found, POINTER(Notice)).contents
        told = PGnotify(notice.channel, notice.pid, notice.payload)
        self._free(found)
        return told


def of_driver(file: str) -> Libpq | None:
    """That of the driver's C code in `file`; None where it may be another: the process may have brought one of its own,
    which then serves the driver too (uWSGI with PostgreSQL does so)."""
    library, system = PyDLL(file), PyDLL(None)
    if library.PQlibVersion() != pq.version():
        return None
    first = getattr(system, "PQisBusy", None)
    if first is not None and _address(first) != _address(library.PQisBusy):
        return None
    return Libpq(library, system)


def _address(function: Any) -> int | None:
    return c_void_p.from_address(addressof(function)).value


@cache
def libpq() -> Libpq | None:
    """None where the driver is no C code of its own, does not lead to its libpq, or threads share no interpreter."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    try:
        return of_driver(str(sys.modules[pq.PGconn.__module__].__file__))
    except (OSError, AttributeError, KeyError, TypeError):
        return None
