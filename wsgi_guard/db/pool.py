"""A psycopg pool that opens at first use in each process, never outwaits its timeout and notes an outage.

Everything of `psycopg_pool.ConnectionPool` is as its own documentation says. It knows the request only to leave a note
on it; transactions of a request are `leases.py`.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from psycopg import Cursor, Error
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from wsgi_guard.facts import current
from wsgi_guard.settings.pools import PoolSection

from .connection import Lease, PooledConnection
from .keeper import keep
from .options import connect_options, conninfo, driver_options
from .tally import PROMPT
from .turn import Turn, give, replace, take
from .watch import Watch

# A server at work on a statement looks every second whether somebody still waits for it, from version 14 on and where
# the system can tell; else what is cut here goes on there to its end.
NOTICES = 140000
NOTICE = "SELECT pg_backend_pid(), set_config('client_connection_check_interval', '1s', false)"
WHO = "SELECT pg_backend_pid()"

# Longest wait for each of the pool's threads when the interpreter ends; they only ever hang in connecting.
LAST_WAIT = 0.3


class Lent:
    """What `Pool.connection()` returns: as the driver's own, in half the time of a generator."""

    __slots__ = ("_conn", "_pool", "_timeout")

    def __init__(self, pool: Pool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout

    def __enter__(self) -> PooledConnection:
        self._conn = self._pool.getconn(self._timeout)
        return self._conn

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        conn = self._conn
        try:
            conn.__exit__(kind, error, trace)
        finally:
            self._pool.putconn(conn)


class Pool(ConnectionPool[PooledConnection]):
    """The pool called `name`. Nothing is opened before the first `getconn()`, `connection()` or `open()`.

    A process forked from one that used the pool gets connections of its own and leaves its parent's alone.
    """

    def __init__(
        self, name: str, section: PoolSection, greet: Callable[[PooledConnection], None] | None = None
    ) -> None:
        """`greet` is called with each new connection, by a thread of the pool's own; what it raises ends it."""
        self._section = section
        self._greet = greet
        self._home = 0
        self._gates: dict[int, threading.Lock] = {}
        self._made: weakref.WeakSet[PooledConnection] = weakref.WeakSet()
        self._build(name)

    def _build(self, name: str) -> None:
        section = self._section
        # Who was given a connection after waiting for it, and has not come to run since.
        self.called: Turn | None = None
        self.watch = Watch(name, section)
        super().__init__(
            conninfo(section),
            connection_class=PooledConnection,
            kwargs={**connect_options(name, section), **driver_options(section), "watch": self.watch},
            min_size=section.min_size,
            max_size=section.max_size,
            open=False,
            configure=self._welcome,
            name=name,
            close_returns=True,
            timeout=section.timeout,
            max_waiting=section.max_waiting,
            max_lifetime=section.max_lifetime,
            max_idle=section.max_idle,
            reconnect_timeout=section.reconnect_timeout,
            reconnect_failed=_go_on,
        )

    def _welcome(self, conn: PooledConnection) -> None:
        self._made.add(conn)
        conn.autocommit = True
        # A pooler hands each statement to another server, so nothing can be set on one.
        if not self._section.pgbouncer:
            with suppress(Error):
                row = Cursor(conn).execute(NOTICE if conn.info.server_version >= NOTICES else WHO).fetchone()
                conn.known = row is not None and row[0] == conn.backend
        if self._greet is not None:
            self._greet(conn)
        conn.autocommit = False

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
            keep(self, self.watch.ended)

    def _forget_parent(self) -> None:
        for conn in list(self._made):
            conn.abandon()
        self._made = weakref.WeakSet()
        self._build(self.name)

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        self._settle_in()
        super().open(wait, timeout)

    def made(self) -> list[PooledConnection]:
        """All connections that this process has made and that are still there."""
        return list(self._made)

    @property
    def here(self) -> bool:
        """Whether this process has opened it."""
        return self._home == os.getpid()

    @property
    def spoken_for(self) -> bool:
        """Whether all connections are in somebody's hands, so that nobody connects."""
        return len(self.watch.holders) >= self._nconns

    def close(self, timeout: float = 5.0) -> None:
        """Closes what this process opened; a pool inherited through a fork is its parent's to close."""
        if self._home == os.getpid():
            self.watch.ended.set()
            super().close(timeout)
            self.watch.tell_left_out(last=True)

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

    def connection(self, timeout: float | None = None) -> Lent:  # type: ignore[override]
        """A connection for a `with` block, which commits, or rolls back when it raises, and gives it back."""
        return Lent(self, timeout)

    def getconn(self, timeout: float | None = None) -> PooledConnection:
        """A connection that has just worked, within `timeout` seconds (default: the setting `timeout`).

        Raises PoolTimeout or TooManyRequests, and notes on the request that a 503 is meant.
        """
        if self._home != os.getpid():
            self._settle_in()
        watch = self.watch
        seconds = self.timeout if timeout is None else timeout
        if watch.pulse.weak:
            seconds = watch.pulse.patience(seconds)
        started = monotonic()
        try:
            conn = take(self, seconds)
            now = monotonic()
            if not conn.fresh(now):
                conn = self._proved(conn, started + seconds)
                now = monotonic()
        except (PoolTimeout, TooManyRequests) as error:
            watch.tally.waited(monotonic() - started)
            raise self._refused(error, seconds) from None
        if now - started < PROMPT:
            watch.tally.prompt += 1
        else:
            watch.tally.waited(now - started)
        facts = current()
        conn.root = None if facts is None else facts.root
        conn.lease = Lease.PLAIN
        conn.owner = self
        watch.holders.take(conn, None if facts is None else facts.request_id, now)
        return conn

    def _proved(self, conn: PooledConnection, deadline: float) -> PooledConnection:
        """The connection if the server answers on it in time, else another that does."""
        while True:
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
            conn = take(self, deadline - monotonic())

    def _refused(self, error: PoolTimeout | TooManyRequests, seconds: float) -> PoolTimeout | TooManyRequests:
        """What the caller gets instead of a connection, noted on the request and in the log."""
        refusal = self._refusal(error, seconds)
        self.watch.exhausted(str(refusal))
        facts = current()
        if facts is not None:
            facts.note(self.watch.outage(), refusal)
        return refusal

    def _refusal(self, error: PoolTimeout | TooManyRequests, seconds: float) -> PoolTimeout | TooManyRequests:
        """The driver's error in words that say why: the server is away, or others hold what there is."""
        if self.watch.pulse.weak:
            why = "the server is away"
        else:
            why = self.watch.holders.describe() if len(self.watch.holders) else "it is still connecting"
        if isinstance(error, TooManyRequests):
            return TooManyRequests(f"pool {self.name!r} has {self.max_waiting} requests waiting already; {why}")
        return PoolTimeout(f"couldn't get a connection from pool {self.name!r} after {seconds:.2f} sec; {why}")

    def putconn(self, conn: PooledConnection) -> None:
        """Takes a connection back, rolled back and as new; one that was given back already is left alone."""
        if conn.home != os.getpid():
            conn.abandon()
            return
        if conn.owner is None:
            return
        conn.owner = None
        conn.lease = Lease.NONE
        watch = self.watch
        now = monotonic()
        watch.holders.give(conn, now)
        # Nobody else may have it, and to wait for whoever is in the middle of something could take for ever.
        if conn.at_work and not conn.end():
            replace(self, conn)
            return
        if not conn.closed:
            conn.restore()
            conn.idle_since = now
            watch.pulse.lived(now)
        give(self, conn, now)


def _go_on(pool: ConnectionPool[Any]) -> None:
    """Connecting was given up: begins anew while somebody waits, whom the driver would forget."""
    told, least = pool.get_stats(), pool.min_size
    if told["requests_waiting"] and told["pool_size"] < pool.max_size:
        # The one call that adds a connection: a pool grows by as many as its least size does.
        pool.resize(least + 1, pool.max_size)
        pool.resize(least, pool.max_size)


def _close_at_exit(ref: weakref.ref[Pool], home: int) -> None:
    pool = ref()
    if pool is not None and home == os.getpid():
        pool.close(LAST_WAIT)
