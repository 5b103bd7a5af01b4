"""A psycopg connection that knows who holds it, and tells the request when it is lost.

Everything of `psycopg.Connection` is as psycopg documents it; only what `close()` and `with` mean depends on how the
connection was taken.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from math import inf
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from psycopg import Cursor, Error, ServerCursor, Transaction
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from . import decide, wire
from .cursors import timed
from .line import line
from .patience import Patience
from .reach import reach
from .watched import Watched, node_of

if TYPE_CHECKING:
    from .pool import Pool
    from .watch import Watch

PLAIN, SERVER = timed(Cursor), timed(ServerCursor)


class Lease(Enum):
    """How a connection is held: not at all, by `pool.getconn()`, by one request, or by one caller outside requests."""

    NONE = "none"
    PLAIN = "plain"
    REQUEST = "request"
    CALLER = "caller"


class PooledConnection(Watched):
    """Made by `Pool`; see `get_db_connection` for what `close()` and `with` do."""

    lease = Lease.NONE
    owner: Pool | None = None
    idle_since = 0.0
    # The server's process for it, and whether that is what the server itself calls it: no pooler stands between.
    backend = 0
    known = False
    _poller: select.poll
    _cursor_factory: type[Cursor[Any]]
    _server_cursor_factory: type[ServerCursor[Any]]
    _reads: bool | None = None
    _trust = 0.0

    @classmethod
    def connect(cls, conninfo: str = "", *, watch: Watch, **kwargs: Any) -> Self:  # type: ignore[override]
        if watch.alone and watch.pulse.weak:
            reach(watch)
        try:
            conn = super().connect(conninfo, **kwargs)
        except Exception:
            watch.pulse.failed()
            raise
        watch.pulse.lived()
        conn.watch = watch
        conn.idle_since = monotonic()
        conn.home = os.getpid()
        conn.backend = conn.info.backend_pid
        conn._node = node_of(conn.fileno())
        conn._trust = decide.trust(watch.section.check)
        conn._poller = wire.poller(conn.pgconn)
        conn.line = line(conn.pgconn)
        if conn.line is not None:
            conn.statements, conn.commands = Patience(), Patience()
        if watch.section.read_only:
            conn._reads = True
            conn.read_only = True
        return conn

    @property
    def cursor_factory(self) -> type[Cursor[Any]]:
        return self._cursor_factory

    @cursor_factory.setter
    def cursor_factory(self, kind: type[Cursor[Any]]) -> None:
        self._cursor_factory = timed(kind)

    @property
    def server_cursor_factory(self) -> type[ServerCursor[Any]]:
        return self._server_cursor_factory

    @server_cursor_factory.setter
    def server_cursor_factory(self, kind: type[ServerCursor[Any]]) -> None:
        self._server_cursor_factory = timed(kind)

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[Transaction]:
        """As the driver's; on a request's connection always a savepoint, for the transaction is the request's."""
        if self.lease is Lease.REQUEST and not self._autocommit and self.between:
            with self.lock:
                self.wait(self._start_query())
            if self._pipeline:
                # Until it has been told the server is in no transaction, and the driver would begin one of its own.
                self._pipeline.sync()
        wrote, level, undone = self.wrote, self._num_transactions, True
        try:
            with super().transaction(savepoint_name, force_rollback) as transaction:
                yield transaction
                undone = transaction.force_rollback
        finally:
            # What the app itself took back is not lost. Where the driver refused, the level is another.
            if undone and self._num_transactions == level and self._in_transaction:
                self.wrote = wrote

    def hold(self, request_id: str) -> None:
        """From now on it is the request's."""
        self.lease = Lease.REQUEST
        if self.watch.section.request_comment:
            # Ids that others chose hold no more than letters, digits, dots, hyphens and underscores.
            self._mark = f"request_id={request_id}"

    def lend(self) -> None:
        """From now on it is the caller's, until `close()` or the end of `with`."""
        self.lease = Lease.CALLER

    def let_go(self) -> None:
        """Gives back what a request held."""
        self.lease = Lease.PLAIN
        self.close()

    def close(self) -> None:
        """Gives the connection back to its pool; a request keeps its own to the end."""
        if self.lease is Lease.REQUEST:
            return
        if self.lease is Lease.CALLER and not self.at_work:
            self.undo()
        owner = self.owner
        if owner is not None:
            # The driver's close() does nothing for a connection that broke, and the pool would miss it for ever.
            owner.putconn(self)
            return
        super().close()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if self.lease is Lease.PLAIN:
            if exc_type is None and not self.closed:
                self.commit()
            else:
                super().__exit__(exc_type, exc_val, exc_tb)
        elif self.lease is Lease.REQUEST:
            if exc_type is not None:
                self.undo()
        elif self.lease is Lease.CALLER:
            try:
                super().__exit__(exc_type, exc_val, exc_tb)
            finally:
                self.close()

    @property
    def at_work(self) -> bool:
        """Somebody is in the middle of an operation, perhaps a generator that was not run to its end."""
        return self.lock.locked() or self.pgconn.transaction_status == TransactionStatus.ACTIVE

    @property
    def aborted(self) -> bool:
        """A statement failed since the transaction began, so the server will not commit any of it."""
        return self.pgconn.transaction_status == TransactionStatus.INERROR

    @property
    def _in_transaction(self) -> bool:
        return self.pgconn.transaction_status == TransactionStatus.INTRANS

    def keep(self) -> None:
        """Commits. What is lost here is not the "try again later" of a lost query: it may have been written."""
        self._quiet = True
        try:
            self.commit()
        finally:
            self._quiet = False

    def undo(self) -> None:
        """Rolls back what is open; a connection that cannot is broken, and its pool will see that."""
        if self.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            # What is lost now is not noted on the request, whose answer stands already.
            self._quiet = True
            try:
                self.rollback()
            except Error:
                pass
            finally:
                self._quiet = False

    def restore(self) -> None:
        """Takes back what the last holder set on this object, so that the next one finds a connection as new."""
        self.row_factory = tuple_row
        if self._cursor_factory is not PLAIN or self._server_cursor_factory is not SERVER:
            self._cursor_factory, self._server_cursor_factory = PLAIN, SERVER
        self.root = self.asked = None
        self.wrote = False
        self._mark = ""
        reads = self._reads
        if (
            self._autocommit or self._isolation_level is not None or self._deferrable is not None
            or self._read_only is not reads
        ):  # fmt: skip
            self.undo()
            with suppress(Error):
                self.set_autocommit(False)
                self.set_isolation_level(None)
                self.set_read_only(reads)
                self.set_deferrable(None)

    def fresh(self, now: float) -> bool:
        """Whether it may be used without asking the server first: it was used lately, or settings say so."""
        idle = now - self.idle_since
        return (
            idle < self._trust
            and not self.closed
            and (idle < decide.WARM or self._is_silent())
            and (self._trust == inf or not self.watch.pulse.weak)
        )

    def _is_silent(self) -> bool:
        return not self._poller.poll(0) if self.line is None else self.line.is_silent()

    def works(self, deadline: float) -> bool:
        """Whether the server answers on this idle connection until `deadline`."""
        if self.closed:
            return False
        try:
            wire.round_trip(self.pgconn, deadline)
        except OSError:
            self.watch.pulse.failed()
            return False
        self.watch.pulse.lived()
        return True
