"""The short ways into a pool and out of it: what psycopg_pool does, without what our pools never need.

A place in its queue has one lock in place of a condition's three. And of those who wait one is called at a time: until
that thread has the interpreter no other could use a connection either, but for the one that runs, which takes it
without a wait. Where each connection goes to a thread that sleeps all threads queue for ever once they did.
"""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout, __version__

if TYPE_CHECKING:
    from .connection import PooledConnection
    from .pool import Pool

KNOWN = __version__.startswith("3.3.")
"""Whether this is a psycopg_pool whose queue works as is taken here; with another its own is used."""

LONG = 0.005
"""Seconds after which a place in the queue goes before who asks anew: as long as a thread may keep the interpreter."""

_IDLE = TransactionStatus.IDLE


class Turn:
    """Answered once at most: by whoever gives a connection or says why there is none, or by giving up."""

    __slots__ = ("_error", "_gate", "_open", "conn", "since")

    def __init__(self, since: float = 0.0) -> None:
        """`since` is when the wait began, by the monotonic clock."""
        self.since = since
        self.conn: PooledConnection | None = None
        self._error: Exception | None = None
        # Held until there is an answer.
        self._gate = threading.Lock()
        self._gate.acquire()
        # Whoever takes the one item out of it answers; taking it is one step of the interpreter.
        self._open = [True]

    def wait(self, timeout: float) -> PooledConnection:
        """The connection that `set` was given within `timeout` seconds. PoolTimeout, or what `fail` was given.

        Whatever else it raises may leave a `conn` here that nobody has.
        """
        try:
            in_time = self._gate.acquire(True, timeout)
        except BaseException:
            if not self._answers():
                self._gate.acquire()
            raise
        if not in_time:
            if self._answers():
                raise PoolTimeout(f"couldn't get a connection after {timeout:.2f} sec")
            # Somebody was about to give one.
            self._gate.acquire()
        if self._error is not None:
            raise self._error
        assert self.conn is not None  # noqa: S101  (for the type: there is an answer, and it is no error)
        return self.conn

    def set(self, conn: Any) -> bool:
        """Whether the connection is taken: somebody waits here still."""
        if not self._answers():
            return False
        self.conn = conn
        self._gate.release()
        return True

    def fail(self, error: Exception) -> bool:
        if not self._answers():
            return False
        self._error = error
        self._gate.release()
        return True

    def _answers(self) -> bool:
        try:
            self._open.pop()
        except IndexError:
            return False
        return True


def take(pool: Pool, seconds: float) -> PooledConnection:
    """As `ConnectionPool.getconn` of a pool that has no `check`."""
    if not KNOWN:
        return ConnectionPool.getconn(pool, seconds)
    pool._stats[pool._REQUESTS_NUM] += 1
    pool._check_open_getconn()
    turn: Any = None
    # The pool's own lock, over what it has and who waits.
    with pool._lock:
        conn = pool._get_ready_connection(seconds)
        if conn is None:
            turn = Turn(monotonic())
            pool._waiting.append(turn)
            pool._stats[pool._REQUESTS_QUEUED] += 1
            pool._maybe_grow_pool()
    if conn is None:
        conn = _waited(pool, turn, seconds)
    conn._pool = pool
    return conn


def give(pool: Pool, conn: PooledConnection, now: float) -> None:
    """As `ConnectionPool.putconn` of a pool that has no `reset`, for a connection that is mostly as good as new."""
    good = KNOWN and conn._pool is pool and not pool._closed and conn.pgconn.transaction_status == _IDLE
    if good and conn._created_at > pool._drained_at and conn._expire_at > now and pool._pool_full_event is None:
        conn._pool = None
        with pool._lock:
            if not pool._closed:
                _hand_on(pool, conn, now)
                return
    ConnectionPool.putconn(pool, conn)


def _hand_on(pool: Pool, conn: PooledConnection, now: float) -> None:
    """To the first who waits. While one who was called has not come to run others could not either: then it is left for
    whoever asks next, unless the first has waited for LONG. Under the lock.
    """
    waiting: deque[Any] = pool._waiting
    while waiting and (pool.called is None or now - waiting[0].since > LONG):
        turn = waiting.popleft()
        if turn.set(conn):
            pool.called = turn
            return
    pool._pool.append(conn)


def _waited(pool: Pool, turn: Turn, seconds: float) -> PooledConnection:
    started = monotonic()
    try:
        return turn.wait(seconds)
    except BaseException:
        pool._stats[pool._REQUESTS_ERRORS] += 1
        if turn.conn is not None:
            # It was given in the moment in which whoever waited was interrupted.
            turn.conn._pool = pool
            ConnectionPool.putconn(pool, turn.conn)
        raise
    finally:
        pool._stats[pool._REQUESTS_WAIT_MS] += int((monotonic() - started) * 1000)
        _call_next(pool, turn)


def _call_next(pool: Pool, turn: Turn) -> None:
    """Whoever waited runs, and calls the next one if there is a connection for him."""
    with pool._lock:
        if pool.called is turn:
            pool.called = None
        if pool._pool and pool._waiting and pool.called is None:
            _hand_on(pool, pool._pool.popleft(), monotonic())
