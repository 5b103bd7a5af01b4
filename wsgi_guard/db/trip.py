"""What the server answers on one trip, read while the interpreter is handed over as seldom as can be.

psycopg lets other threads run at each of its calls of libpq, two dozen times in a transaction of one statement, and
where they queue for the interpreter each time wakes one of them for nothing. Where threads crowd, and answers come at
once, it is not at all here, but for sending a statement with parameters; see `line.py`.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError, __version__, waiting
from psycopg.pq import ExecStatus
from psycopg.waiting import Wait

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

    from .line import Line
    from .patience import Patience

KNOWN = __version__.startswith("3.3.")
"""Whether this is a psycopg whose insides are as is taken here; with another its own ways are used."""

_R, _RW = Wait.R, Wait.RW
_GOOD, _FAILED = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK), ExecStatus.FATAL_ERROR
_COPIES = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)
# Where a server patches `select` the driver waits in Python, so that its other requests run meanwhile.
_IN_C = waiting.wait is getattr(waiting, "wait_c", None)


def near(conn: Any, patience: Patience | None) -> Line | None:
    """The line of a connection where it is worth its while, in a thread that may wait in it: no signal is to be heard
    there, and no greenlet to run."""
    if patience is None or not patience.short:
        return None
    alone = _IN_C and threading.get_ident() != threading.main_thread().ident
    return conn.line if alone else None


def answered(pgconn: PGconn, line: Line | None, patience: Patience | None) -> PQGen[list[PGresult]]:
    """Sends what is to be sent outside a pipeline, and returns the results."""
    yield from reached(pgconn, line, patience)
    found = yield from answers(pgconn, line)
    hear(pgconn, line)
    return found


def reached(pgconn: PGconn, line: Line | None, patience: Patience | None) -> PQGen[None]:
    """Returns when all that was sent has left, and something has arrived."""
    heard = False
    while pgconn.flush():
        if (yield _RW) & _R:
            pgconn.consume_input()
            heard = True
    if heard:
        return
    if line is not None and patience is not None and line.answers(patience):
        pgconn.consume_input()
        return
    began = monotonic()
    yield from _more(pgconn)
    if patience is not None:
        patience.took(monotonic() - began)


def _more(pgconn: PGconn) -> PQGen[None]:
    # A wait that was cut short only to look for signals says that nothing is ready.
    while not (yield _R):
        pass
    pgconn.consume_input()


def answer(pgconn: PGconn, line: Line | None) -> PQGen[PGresult | None]:
    """The next result; None after the last of a statement."""
    while (line or pgconn).is_busy():
        yield from _more(pgconn)
    return pgconn.get_result()


def answers(pgconn: PGconn, line: Line | None, *, piped: bool = False) -> PQGen[list[PGresult]]:
    """The results of one statement; `piped` is one of a pipeline, which has one at most."""
    found: list[PGresult] = []
    try:
        while (result := (yield from answer(pgconn, line))) is not None:
            found.append(result)
            if piped and result.status in _GOOD:
                # Here libpq has the end at hand, whatever has arrived.
                pgconn.get_result()
                break
            if result.status in _COPIES:
                # libpq says so again each time it is asked.
                break
    except OperationalError:
        # A server that says why it goes has said so by then.
        if not found or found[-1].status != _FAILED:
            raise
    return found


def hear(pgconn: PGconn, line: Line | None) -> None:
    """Hands on what other sessions notified, as the driver does with each result."""
    while (notice := (line or pgconn).notifies()) is not None:
        if pgconn.notify_handler is not None:
            pgconn.notify_handler(notice)
