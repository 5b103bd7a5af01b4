"""One open connection to a Redis server; knows nothing of the driver but that it has dialled."""

from __future__ import annotations

import select
from time import monotonic
from typing import Any

from . import redis_replies as replies

PIECE = 64 * 1024
"""Bytes read at once; a charge's answer has some hundreds at most."""


class RedisLine:
    """One connection, and a poll object that watches it for as long as it lives."""

    __slots__ = ("_connection", "_poll", "_socket")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._socket = connection._sock
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        self._poll = poll.poll

    def ask(self, command: bytes, deadline: float) -> Any:
        """The server's answer, by a time of the monotonic clock. Raises OSError, ValueError, and Rejected for an error.

        Whatever is raised but Rejected leaves the line with an answer that nobody has read.
        """
        wire = self._socket
        wire.settimeout(left(deadline))
        wire.sendall(command)
        data = wire.recv(PIECE)
        while True:
            try:
                return replies.read(data)
            except replies.Partial:
                data += self._more(data, deadline)

    def _more(self, data: bytes, deadline: float) -> bytes:
        """The next piece, however small the pieces are that a server sends."""
        if not data or len(data) > replies.LARGEST:
            raise ConnectionError("the reply does not end" if data else "the server closed the connection")
        rest = deadline - monotonic()
        if rest <= 0:
            raise TimeoutError("the reply did not come in time")
        self._socket.settimeout(rest)
        piece: bytes = self._socket.recv(PIECE)
        if not piece:
            raise ConnectionError("the server closed the connection")
        return piece

    def stale(self) -> bool:
        return bool(self._poll(0))

    def hang_up(self) -> None:
        self._connection.disconnect()


def left(deadline: float) -> float:
    """Seconds until then; never 0, which a socket would take for "do not wait"."""
    return max(deadline - monotonic(), 0.001)
