"""A psycopg connection that knows who holds it, and tells the request when it is lost.

Everything of `psycopg.Connection` is as psycopg documents it; only what `close()` and `with` mean depends on how the
connection was taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from psycopg import Connection, Cursor, Error, InterfaceError, OperationalError
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from wsgi_guard.facts import current

from . import decide, wire
from .pulse import Pulse

if TYPE_CHECKING:
    from psycopg.abc import PQGen

    from .pool import Pool

T = TypeVar("T")


class Lease(Enum):
    """How a connection is held: not at all, by `pool.getconn()`, by one request, or by one caller outside requests."""

    NONE = "none"
    PLAIN = "plain"
    REQUEST = "request"
    CALLER = "caller"


class PooledConnection(Connection[TupleRow]):
    """Made by `Pool`; see `get_db_connection` for what `close()` and `with` do."""

    lease = Lease.NONE
    owner: Pool | None = None
    pulse: Pulse
    idle_since = 0.0
    home = 0
    _quiet = False
    _node: tuple[int, int]

    @classmethod
    def connect(cls, conninfo: str = "", *, pulse: Pulse | None = None, **kwargs: Any) -> Self:  # type: ignore[override]
        pulse = pulse or Pulse("none")
        try:
            conn = super().connect(conninfo, **kwargs)
        except Exception:
            pulse.failed()
            raise
        pulse.lived()
        conn.pulse = pulse
        conn.idle_since = monotonic()
        conn.home = os.getpid()
        conn._node = _node(conn.fileno())
        return conn

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """As the driver's own, through which all queries, commits and copies pass."""
        if self.home != os.getpid():
            self.abandon()
            raise OperationalError("the connection belongs to the process that this one was forked from")
        try:
            return super().wait(gen, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if decide.lost(error.sqlstate, self.closed):
                self._tell(error)
            raise

    def _tell(self, error: Error) -> None:
        self.pulse.failed()
        facts = None if self._quiet else current()
        if facts is not None:
            facts.note(self.pulse.outage(), error)

    def hold(self) -> None:
        """From now on it is the running request's."""
        self.lease = Lease.REQUEST

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

    def keep(self) -> None:
        """Commits. What is lost here is not the "try again later" of a lost query: it may have been written."""
        with self._silence():
            self.commit()

    def undo(self) -> None:
        """Rolls back what is open; a connection that cannot is broken, and its pool will see that."""
        if self.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            with self._silence(), suppress(Error):
                self.rollback()

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """What is lost within is not noted on the request, whose answer stands already."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def restore(self) -> None:
        """Takes back what the last holder set on this object, so that the next one finds a connection as new."""
        self.row_factory = tuple_row
        self.cursor_factory = Cursor
        changed = (self.isolation_level, self.read_only, self.deferrable) != (None, None, None)
        if changed or self.autocommit:
            self.undo()
            with suppress(Error):
                self.set_autocommit(False)
                self.set_isolation_level(None)
                self.set_read_only(None)
                self.set_deferrable(None)

    def works(self, deadline: float) -> bool:
        """Whether the server is still behind this idle connection, asked for at most until `deadline`."""
        if self.closed:
            return False
        idle = monotonic() - self.idle_since
        if decide.trusted(idle, failed=self.pulse.weak) and not wire.speaks(self.pgconn):
            return True
        try:
            wire.round_trip(self.pgconn, deadline)
        except OSError:
            self.pulse.failed()
            return False
        self.pulse.lived()
        return True

    def abandon(self) -> None:
        """In a forked child: lets go of the parent's socket without a word to the server.

        The descriptor is put to rest, not closed: its number must not come to mean another file for this object.
        """
        with suppress(OSError, Error):
            if _node(self.fileno()) == self._node:
                with open(os.devnull, "rb") as nothing:
                    os.dup2(nothing.fileno(), self.fileno(), inheritable=False)


def _node(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
