"""A psycopg pool that opens at first use in each process, never outwaits its timeout and notes an outage.

Everything of `psycopg_pool.ConnectionPool` is as its own documentation says. It knows the request only to leave a note
on it; transactions of a request are `leases.py`.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import weakref
from contextlib import suppress
from time import monotonic
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from wsgi_guard.facts import current
from wsgi_guard.settings.sections import PoolSection

from . import decide
from .connection import Lease, PooledConnection
from .pulse import Pulse

# The driver's pool doubles its pause from one second; after three it gives up and the next request starts anew. So a
# server that is back is found within two seconds.
RECONNECT = 3.0

# Longest wait for each of the pool's threads when the interpreter ends; they only ever hang in connecting.
LAST_WAIT = 0.3


class Pool(ConnectionPool[PooledConnection]):
    """The pool called `name`. Nothing is opened before the first `getconn()`, `connection()` or `open()`.

    A process forked from one that used the pool gets connections of its own and leaves its parent's alone.
    """

    def __init__(self, name: str, section: PoolSection) -> None:
        self._section = section
        self._home = 0
        self._gates: dict[int, threading.Lock] = {}
        self._made: weakref.WeakSet[PooledConnection] = weakref.WeakSet()
        self._build(name)

    def _build(self, name: str) -> None:
        section = self._section
        self._pulse = Pulse(name)
        super().__init__(
            conninfo(section),
            connection_class=PooledConnection,
            kwargs={**connect_options(section), "pulse": self._pulse},
            min_size=section.min_size,
            max_size=section.max_size,
            open=False,
            configure=self._made.add,
            name=name,
            close_returns=True,
            timeout=section.timeout,
            max_waiting=section.max_waiting,
            max_lifetime=section.max_lifetime,
            max_idle=section.max_idle,
            reconnect_timeout=RECONNECT,
        )

    def __del__(self) -> None:
        # In a forked child the threads to stop are the parent's, and its locks may be held by nobody who is here.
        if getattr(self, "_home", 0) == os.getpid():
            # The last reference may be that of one of the pool's own threads, which cannot wait for itself.
            with suppress(RuntimeError):
                super().__del__()

    def _settle_in(self) -> None:
        """Makes this process the pool's own and opens it: once for each process."""
        here = os.getpid()
        if self._home == here:
            return
        # A lock of this process's own: one that a parent's thread held at the fork would never be released.
        with self._gates.setdefault(here, threading.Lock()):
            if self._home == here:
                return
            if self._home:
                self._forget_parent()
            super().open()
            atexit.register(_close_at_exit, weakref.ref(self), here)
            self._home = here

    def _forget_parent(self) -> None:
        for conn in list(self._made):
            conn.abandon()
        self._made = weakref.WeakSet()
        self._build(self.name)

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        self._settle_in()
        super().open(wait, timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Closes what this process opened; a pool inherited through a fork is its parent's to close."""
        if self._home == os.getpid():
            super().close(timeout)

    def wait(self, timeout: float = 30.0) -> None:
        self._settle_in()
        super().wait(timeout)

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        self._settle_in()
        super().resize(min_size, max_size)

    def check(self) -> None:
        self._settle_in()
        super().check()

    def drain(self) -> None:
        self._settle_in()
        super().drain()

    def getconn(self, timeout: float | None = None) -> PooledConnection:
        """A connection that has just worked, within `timeout` seconds (default: the setting `timeout`).

        Raises PoolTimeout or TooManyRequests, and notes on the request that a 503 is meant.
        """
        self._settle_in()
        wanted = self.timeout if timeout is None else timeout
        seconds = decide.patience(wanted, away=self._pulse.away(wanted))
        try:
            conn = self._working(monotonic() + seconds)
        except PoolTimeout:
            error = PoolTimeout(f"couldn't get a connection from pool {self.name!r} after {seconds:.2f} sec")
            self._note(error)
            raise error from None
        except TooManyRequests as error:
            self._note(error)
            raise
        conn.lease = Lease.PLAIN
        conn.owner = self
        return conn

    def _note(self, error: Exception) -> None:
        facts = current()
        if facts is not None:
            facts.note(self._pulse.outage(), error)

    def _working(self, deadline: float) -> PooledConnection:
        while True:
            conn = super().getconn(deadline - monotonic())
            works = False
            try:
                works = conn.works(deadline)
            finally:
                if not works:
                    # Ended for good, so that the pool counts it as lost and connects anew.
                    conn.pgconn.finish()
                    super().putconn(conn)
            if works:
                return conn

    def putconn(self, conn: PooledConnection) -> None:
        """Takes a connection back, rolled back and as new; one that was given back already is left alone."""
        if conn.home != os.getpid():
            conn.abandon()
            return
        if conn.owner is None:
            return
        conn.owner = None
        conn.lease = Lease.NONE
        if conn.at_work:
            # Nobody else may have it, and to wait for whoever holds it could take for ever.
            conn.pgconn.finish()
        if not conn.closed:
            conn.restore()
            conn.idle_since = monotonic()
            self._pulse.lived()
        super().putconn(conn)


def conninfo(section: PoolSection) -> str:
    """The URL. ValueError, which does not repeat it, when it cannot be one."""
    text = section.url.reveal() if section.url is not None else ""
    try:
        conninfo_to_dict(text)
    except ProgrammingError:
        raise ValueError("url is not a PostgreSQL URL, expected postgresql://user:password@host:port/name") from None
    if not text:
        raise ValueError("url is missing, expected postgresql://user:password@host:port/name")
    return text


def connect_options(section: PoolSection) -> dict[str, Any]:
    """What bounds a connection in time, unless the URL says otherwise.

    `tcp_user_timeout` ends a query whose packets nobody acknowledges; one that the server is at work on may take as
    long as it takes.
    """
    seconds = max(2, math.ceil(section.timeout))
    options = {
        "connect_timeout": seconds,
        "tcp_user_timeout": seconds * 1000,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    given = conninfo_to_dict(conninfo(section))
    return {key: value for key, value in options.items() if key not in given}


def _close_at_exit(ref: weakref.ref[Pool], home: int) -> None:
    pool = ref()
    if pool is not None and home == os.getpid():
        pool.close(LAST_WAIT)
