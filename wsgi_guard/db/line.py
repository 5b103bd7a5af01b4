"""One connection's calls of libpq for threads, which let nobody else run Python, not even in a short wait."""

from __future__ import annotations

from ctypes import addressof
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError

from .libpq import Libpq, Poll, Time, libpq

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn
    from psycopg.pq.misc import PGnotify

    from .patience import Patience

MOMENT = 50_000
"""Nanoseconds of the short wait, to which the system may add as much: about as long as a change of threads and back."""
_READ = 1


class Line:
    """Waits a moment for each answer before it lets other threads run; `Patience` says when that is worth it.

    An answer from the same machine is there by then, and another thread would have been woken for nothing, or would
    not let this one go on for 5 ms if it computes.
    """

    __slots__ = ("_library", "_moment", "_now", "_pgconn", "_poll")

    def __init__(self, library: Libpq, pgconn: PGconn) -> None:
        self._library = library
        # Its address is no part of what the driver says of all its implementations.
        self._pgconn: Any = pgconn
        self._poll, self._moment, self._now = Poll(pgconn.socket, _READ, 0), Time(0, MOMENT), Time(0, 0)

    def send_query(self, command: bytes) -> None:
        """As the driver's call of that name; OperationalError when it cannot be sent, here and below."""
        self._check("query", self._library.send_query(self._pgconn.pgconn_ptr, command))

    def send_plain(self, command: bytes, form: int) -> None:
        """As the driver's `send_query_params`, without any; `form` is what rows come in, 0 text and 1 binary."""
        sent = self._library.send_params(self._pgconn.pgconn_ptr, command, 0, None, None, None, None, form)
        self._check("query and params", sent)

    def send_prepared(self, name: bytes, form: int) -> None:
        """As the driver's `send_query_prepared`, without parameters."""
        sent = self._library.send_prepared(self._pgconn.pgconn_ptr, name, 0, None, None, None, form)
        self._check("prepared query", sent)

    def _check(self, what: str, sent: int) -> None:
        if not sent:
            raise OperationalError(f"sending {what} failed: {self._pgconn.get_error_message()}")

    def is_busy(self) -> int:
        """As the driver's: whether the next result has not arrived as a whole."""
        busy: int = self._library.is_busy(self._pgconn.pgconn_ptr)
        return busy

    def notifies(self) -> PGnotify | None:
        """As the driver's: what another session notified, each once."""
        found = self._library.notifies(self._pgconn.pgconn_ptr)
        return None if found is None else self._library.notice(found)

    def is_silent(self) -> bool:
        """Whether there is nothing to read, nor the end of the connection."""
        return not self._polled(self._now)

    def answers(self, patience: Patience) -> bool:
        """Whether there is something to read within a moment."""
        answered = self._polled(self._moment)
        patience.told(answered=answered)
        return answered

    def _polled(self, time: Time) -> bool:
        # Below 0 a signal came; whoever waits after this one looks again.
        found: int = self._library.ppoll(addressof(self._poll), 1, addressof(time), None)
        return found > 0


def line(pgconn: PGconn) -> Line | None:
    """None where there is no way around the driver's own calls."""
    library = libpq()
    return None if library is None else Line(library, pgconn)
