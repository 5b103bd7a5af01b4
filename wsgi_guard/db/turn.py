"""The short ways into a pool and out of it: what psycopg_pool does, without what our pools never need.

A place in its queue has one lock in place of a condition's three. And of those who wait one is called at a time: until
that thread has the interpreter no other could use a connection either, but for the one that runs, which takes what
comes back without a wait. If each connection went to a thread that sleeps, whoever gives one would queue for his next,
and so would everybody from then on.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout, __version__
from psycopg_pool.pool import AddConnection

if TYPE_CHECKING:
    from .connection import PooledConnection
    from .pool import Pool

KNOWN = __version__.startswith("3.3.")
"""Whether this is a psycopg_pool whose queue works as is taken here; with another its own is used."""

STEP = 1.0
"""Seconds for a thread that answers to do so; more is only over if it was interrupted in the middle."""
LONG = 0.005
"""Seconds after which a place in the queue goes before who asks anew: as long as a thread may keep the interpreter."""

_IDLE = TransactionStatus.IDLE


class Turn:
    """Answered once at most: by whoever gives a connection or says why there is none, or by giving up."""

    __slots__ = ("_error", "_gate", "_open", "conn", "given", "since")

    def __init__(self, since: float = 0.0) -> None:
        """`since` is when the wait began, by the monotonic clock."""
        self.since = since
        # When a connection was given to who waits here.
        self.given = 0.0
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
            self._gate.acquire(True, timeout)
        except BaseException:
            self._settle()
            raise
        self._settle()
        if self._error is not None:
            raise self._error
        if self.conn is None:
            raise PoolTimeout(f"couldn't get a connection after {timeout:.2f} sec")
        return self.conn

    def _settle(self) -> None:
        """Gives up, unless there is an answer or somebody is about to give one: he is a step away."""
        if self.conn is None and self._error is None and not self._answers():
            self._gate.acquire(True, STEP)

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
    if good and conn._created_at > pool._drained_at and conn._expire_at > now:
        conn._pool = None
        with pool._lock:
            if not pool._closed:
                _hand_on(pool, conn, now)
                return
        conn._pool = pool
    ConnectionPool.putconn(pool, conn)


def replace(pool: Pool, conn: PooledConnection) -> None:
    """Forgets a connection that somebody else is at, and makes another."""
    conn._pool = None
    pool._stats[pool._RETURNS_BAD] += 1
    pool.run_task(AddConnection(pool))


def _hand_on(pool: Pool, conn: PooledConnection, now: float) -> None:
    """To the first who waits. While one who was called has not come to run others could not either; then it is left for
    whoever asks next, unless one of both took LONG. Under the lock.
    """
    waiting: deque[Any] = pool._waiting
    while waiting and (pool.called is None or now - min(pool.called.given, waiting[0].since) > LONG):
        turn = waiting.popleft()
        turn.given = now
        if turn.set(conn):
            pool.called = turn
            return
    pool._pool.append(conn)
    if pool._pool_full_event and len(pool._pool) >= pool._min_size:
        pool._pool_full_event.set()


def _waited(pool: Pool, turn: Turn, seconds: float) -> PooledConnection:
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
        pool._stats[pool._REQUESTS_WAIT_MS] += int((monotonic() - turn.since) * 1000)
        _call_next(pool, turn)


def _call_next(pool: Pool, turn: Turn) -> None:
    """Whoever waited runs, or gave up; and calls the next one if there is a connection for him."""
    with pool._lock:
        if pool.called is turn:
            pool.called = None
        if turn.conn is None:
            # The driver would leave the place to whoever gives a connection, and while the server is away nobody does.
            with suppress(ValueError):
                pool._waiting.remove(turn)  # type: ignore[arg-type]
        if pool._pool and pool._waiting and pool.called is None:
            conn = pool._pool.popleft()
            pool._nconns_min = min(pool._nconns_min, len(pool._pool))
            _hand_on(pool, conn, monotonic())
