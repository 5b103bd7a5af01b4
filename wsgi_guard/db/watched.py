"""A psycopg connection whose waits are timed and told, and which tells the request when it is lost."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import Connection, Error, InterfaceError, InternalError, OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.rows import TupleRow

from wsgi_guard.facts import Facts, current

from . import decide, trip
from .cursors import marked

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGresult

    from .line import Line
    from .patience import Patience
    from .tally import Shape
    from .watch import Watch

T = TypeVar("T")

LONGEST_END = 1.0
"""Seconds for a thread to see that its connection is cut off."""
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Watched(Connection[TupleRow]):
    """What a pool's connections are apart from who holds them."""

    watch: Watch
    # The process that opened it.
    home = 0
    # Seconds that it has waited for its server, and the statement it was given last.
    spent = 0.0
    asked: Shape | None = None
    # A statement has changed rows since the transaction began.
    wrote = False
    # The request in whose course it was taken, which its time counts for.
    root: Facts | None = None
    # When it began to wait for an answer, 0.0 while it does not; and why `stall.py` cut it under whoever waited.
    waiting_since = 0.0
    cut = ""
    # It was given back under a thread that waited.
    taken = False
    # Its calls of libpq for threads, and whether they are worth it: a commit waits for a disk where a query does not.
    line: Line | None = None
    statements: Patience | None = None
    commands: Patience | None = None
    _mark = ""
    _quiet = False
    _node: tuple[int, int]

    @property
    def between(self) -> bool:
        """Nothing is uncommitted on it."""
        return self.pgconn.transaction_status == TransactionStatus.IDLE

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """As the driver's own, through which all queries, commits and copies pass; its time counts for the request."""
        if self.home != os.getpid():
            self.abandon()
            raise OperationalError("the connection belongs to the process that this one was forked from")
        started = monotonic()
        try:
            if args or kwargs:
                # Who gives a bound of its own, as `notifies()` does, waits for what need not come.
                return super().wait(gen, *args, **kwargs)
            self.waiting_since = started
            return super().wait(gen)
        except (OperationalError, InterfaceError) as error:
            raise self._lost(error) from None
        finally:
            self.waiting_since = 0.0
            seconds = monotonic() - started
            self.spent += seconds
            if self.root is not None:
                self.root.db_seconds += seconds

    def _exec_command(self, command: Any, result_format: Format = Format.TEXT) -> PQGen[PGresult | None]:
        # COMMIT, ROLLBACK and what else the driver says of itself.
        if not trip.KNOWN or self._pipeline or type(command) is not bytes or result_format is not Format.TEXT:
            return (yield from super()._exec_command(command, result_format))
        self._check_connection_ok()
        line = trip.near(self, self.commands)
        (line or self.pgconn).send_query(command)
        results = yield from trip.answered(self.pgconn, line, self.commands)
        if len(results) != 1:
            raise InternalError(f"received {len(results)} results from command {command.decode()!r}")
        [result] = results
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result, encoding=self.pgconn._encoding)
        if result.status not in _DONE:
            raise InterfaceError(f"unexpected result {result.status!r} from command {command.decode()!r}")
        return result

    def _lost(self, error: Error) -> Error:
        """The error to raise; the request learns of it when it means that the database is away."""
        if self.taken:
            return OperationalError("the connection was given back while a statement ran on it")
        if decide.lost(error.sqlstate, self.closed):
            if self.cut:
                error = OperationalError(self.cut)
            self.watch.lost(error, None if self._quiet else current())
        return error

    # what cursors tell; `before` is what `spent` was when their statement began

    def begin(self, query: Any) -> tuple[Shape, float, Any]:
        """Shape, time and text of a statement that is about to be sent: with a mark, if the pool's settings say so."""
        self.asked = shape = self.watch.tally.shape(query, self)
        if self.wrote and self.between:
            self.wrote = False
        return shape, self.spent, marked(query, self._mark) if self._mark else query

    def ran(self, shape: Shape, before: float, rows: int) -> None:
        self.wrote = self.wrote or shape.writes
        self.watch.ran(shape, self.spent - before, rows, self.root)

    def failed(self, shape: Shape, before: float, rows: int) -> None:
        shape.errors += 1
        self.watch.ran(shape, self.spent - before, rows, self.root)

    def ran_on(self, shape: Shape, before: float, rows: int) -> None:
        self.watch.ran_on(shape, self.spent - before, rows, self.root)

    def _check_connection_ok(self) -> None:
        # The driver asks before most calls; a connection that is gone is then lost without a wait for an answer.
        try:
            super()._check_connection_ok()
        except OperationalError as error:
            raise self._lost(error) from None

    def end(self) -> bool:
        """Ends the connection, for somebody is in the middle of something on it; False when he is still there.

        A thread that waits for the server is told, and out before its socket can become another's.
        """
        if not self.waiting_since:
            self.pgconn.finish()
            return True
        self.taken = True
        self.cut_off()
        if not self.lock.acquire(timeout=LONGEST_END):
            return False
        try:
            self.pgconn.finish()
        finally:
            self.lock.release()
        return True

    def cut_off(self) -> None:
        """Shuts the line down, which whoever waits on it sees at once."""
        with suppress(OSError, Error), socket.socket(fileno=os.dup(self.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def abandon(self) -> None:
        """In a forked child: lets go of the parent's socket without a word to the server.

        The descriptor is put to rest, not closed: its number must not come to mean another file for this object.
        """
        with suppress(OSError, Error):
            if node_of(self.fileno()) == self._node:
                with open(os.devnull, "rb") as nothing:
                    os.dup2(nothing.fileno(), self.fileno(), inheritable=False)


def node_of(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
