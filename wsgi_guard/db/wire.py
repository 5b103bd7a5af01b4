"""libpq spoken with a deadline: to connect, to ask for one round trip, and to look.

The driver's own calls wait for whole seconds, two at least, or without end. Waits are `select.poll`, so that a server
which patches `select` keeps running its other requests meanwhile.
"""

from __future__ import annotations

import select
from time import monotonic

from psycopg import Error, pq

_READ, _WRITE = select.POLLIN, select.POLLOUT


def ping(conninfo: str, timeout: float) -> None:
    """Returns when a server answered on a connection of this call's own, within `timeout` seconds.

    TimeoutError or ConnectionError otherwise; their texts name neither server, user nor what the driver said.
    """
    deadline = monotonic() + timeout
    pgconn = connect(conninfo, deadline)
    try:
        round_trip(pgconn, deadline)
    finally:
        pgconn.finish()


def ask(conninfo: str, sql: str, deadline: float) -> str | None:
    """The first column of the first row, on a connection of this call's own. Raises as `ping` does."""
    pgconn = connect(conninfo, deadline)
    try:
        pgconn.send_query(sql.encode())
        while pgconn.flush():
            _wait(pgconn, _READ | _WRITE, deadline)
            pgconn.consume_input()
        found: str | None = None
        while (result := _next_result(pgconn, deadline)) is not None:
            value = result.get_value(0, 0) if result.ntuples and result.nfields else None
            found = value.decode() if value is not None else found
        return found
    except Error:
        raise ConnectionError("the connection broke") from None
    finally:
        pgconn.finish()


def connect(conninfo: str, deadline: float) -> pq.abc.PGconn:
    """An open connection, to be finished by the caller. TimeoutError, or ConnectionError when refused.

    Looking up the host's name is the one thing that libpq does without a deadline.
    """
    pgconn = pq.PGconn.connect_start(conninfo.encode())
    try:
        while (state := pgconn.connect_poll()) != pq.PollingStatus.OK:
            if state == pq.PollingStatus.FAILED:
                raise ConnectionError("the connection was refused or broke while it was made")
            _wait(pgconn, _READ if state == pq.PollingStatus.READING else _WRITE, deadline)
        pgconn.nonblocking = 1
    except Error:
        pgconn.finish()
        raise ConnectionError("the connection broke while it was made") from None
    except BaseException:
        pgconn.finish()
        raise
    return pgconn


def round_trip(pgconn: pq.abc.PGconn, deadline: float) -> None:
    """Returns when the server has answered an empty query. TimeoutError or ConnectionError when it has not."""
    try:
        pgconn.send_query(b"")
        while pgconn.flush():
            _wait(pgconn, _READ | _WRITE, deadline)
            pgconn.consume_input()
        while (result := _next_result(pgconn, deadline)) is not None:
            if result.status != pq.ExecStatus.EMPTY_QUERY:
                raise ConnectionError("the server refused an empty query")
    except Error:
        raise ConnectionError("the connection broke") from None


def poller(pgconn: pq.abc.PGconn) -> select.poll:
    """Tells whether something waits to be read, which on an idle connection is nearly always its end."""
    made = select.poll()
    made.register(pgconn.socket, _READ)
    return made


def _next_result(pgconn: pq.abc.PGconn, deadline: float) -> pq.abc.PGresult | None:
    while pgconn.is_busy():
        _wait(pgconn, _READ, deadline)
        pgconn.consume_input()
    return pgconn.get_result()


def _wait(pgconn: pq.abc.PGconn, events: int, deadline: float) -> None:
    left = deadline - monotonic()
    poller = select.poll()
    poller.register(pgconn.socket, events)
    if left <= 0 or not poller.poll(left * 1000):
        raise TimeoutError("no answer in time")
