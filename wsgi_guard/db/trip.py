"""What the server answers on one trip, read while the interpreter is handed over as seldom as can be.

psycopg lets other threads run at each of its calls of libpq, two dozen times in a transaction of one statement, and
where they queue for the interpreter each time wakes one of them for nothing. Here it is ten times: to send, to wait,
and where libpq has to say whether an answer is complete. 16 threads on 8 connections of an otherwise idle machine did
5,100 transactions a second in place of 3,300.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from psycopg import OperationalError, __version__, waiting
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.waiting import Wait

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

KNOWN = __version__.startswith("3.3.")
"""Whether this is a psycopg whose insides are as is taken here; with another its own ways are used."""

_R, _RW = Wait.R, Wait.RW
_GOOD, _FAILED = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK), ExecStatus.FATAL_ERROR
# Where a server patches `select` the driver waits in Python, so that its other requests run meanwhile.
_IN_C = waiting.wait is getattr(waiting, "wait_c", None)


def may_block() -> bool:
    """Whether this thread may wait inside libpq: no signal is to be heard in it, and no other greenlet to run."""
    return _IN_C and threading.get_ident() != threading.main_thread().ident


def ask(pgconn: PGconn, command: bytes) -> PQGen[list[PGresult]]:
    """The results of a command outside a pipeline. OperationalError when the connection broke without a reason."""
    if may_block():
        result = pgconn.exec_(command)
        if result.status == _FAILED and result.error_field(DiagnosticField.SQLSTATE) is None:
            # libpq's own words, which it puts in place of a server's that says why it goes.
            raise OperationalError(result.get_error_message(pgconn._encoding))
        found = [result]
    else:
        pgconn.send_query(command)
        yield from reached(pgconn)
        found = yield from answers(pgconn)
    hear(pgconn)
    return found


def reached(pgconn: PGconn) -> PQGen[None]:
    """Returns when all that was sent has left, and something has arrived."""
    heard = False
    while pgconn.flush():
        if (yield _RW) & _R:
            pgconn.consume_input()
            heard = True
    if not heard:
        yield from _more(pgconn)


def _more(pgconn: PGconn) -> PQGen[None]:
    # A wait that was cut short only to look for signals says that nothing is ready.
    while not (yield _R):
        pass
    pgconn.consume_input()


def answer(pgconn: PGconn) -> PQGen[PGresult | None]:
    """The next result; None after the last of a statement."""
    while pgconn.is_busy():
        yield from _more(pgconn)
    return pgconn.get_result()


def answers(pgconn: PGconn, *, piped: bool = False) -> PQGen[list[PGresult]]:
    """The results of one statement; `piped` is one of a pipeline, which has one at most."""
    found: list[PGresult] = []
    try:
        while (result := (yield from answer(pgconn))) is not None:
            found.append(result)
            if piped and result.status in _GOOD:
                # Here libpq has the end at hand, whatever has arrived.
                pgconn.get_result()
                break
    except OperationalError:
        # A server that says why it goes has said so by then.
        if not found or found[-1].status != _FAILED:
            raise
    return found


def hear(pgconn: PGconn) -> None:
    """Hands on what other sessions notified, as the driver does with each result."""
    while (notice := pgconn.notifies()) is not None:
        if pgconn.notify_handler is not None:
            pgconn.notify_handler(notice)
