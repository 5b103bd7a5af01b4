"""The short ways into a pool and out of it: what psycopg_pool does, without what our pools never need.

A place in its queue has one lock in place of a condition's three: with twice as many threads as connections every
request queues, and a condition costs it a tenth of its time.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout, __version__

if TYPE_CHECKING:
    from .connection import PooledConnection

KNOWN = __version__.startswith("3.3.")
"""Whether this is a psycopg_pool whose queue works as is taken here; with another its own is used."""

_IDLE = TransactionStatus.IDLE


class Turn:
    """Answered once at most: by whoever gives a connection or says why there is none, or by giving up."""

    __slots__ = ("_error", "_gate", "_open", "conn")

    def __init__(self) -> None:
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


def take(pool: ConnectionPool[PooledConnection], seconds: float) -> PooledConnection:
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
            turn = Turn()
            pool._waiting.append(turn)
            pool._stats[pool._REQUESTS_QUEUED] += 1
            pool._maybe_grow_pool()
    if conn is None:
        conn = _waited(pool, turn, seconds)
    conn._pool = pool
    return conn


def give(pool: ConnectionPool[PooledConnection], conn: PooledConnection, now: float) -> None:
    """As `ConnectionPool.putconn` of a pool that has no `reset`, for a connection that is mostly as good as new."""
    good = KNOWN and conn._pool is pool and not pool._closed and conn.pgconn.transaction_status == _IDLE
    if good and conn._created_at > pool._drained_at and conn._expire_at > now:
        pool._add_to_pool(conn)
    else:
        ConnectionPool.putconn(pool, conn)


def _waited(pool: ConnectionPool[PooledConnection], turn: Turn, seconds: float) -> PooledConnection:
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
