"""One open connection to a Redis server; knows nothing of the driver but that it has dialled."""

from __future__ import annotations

import select
from socket import SocketType
from time import monotonic
from typing import Any

from . import redis_replies as replies

PIECE = 64 * 1024
"""Bytes read at once; a charge's answer has some hundreds at most."""
LATE = "the reply did not come in time"


class RedisLine:
    """One connection, and a poll object that watches it for as long as it lives."""

    __slots__ = ("_connection", "_plain", "_poll", "_socket", "new")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        # Nobody has used it yet: what dialling took is not taken off the time for the first answer.
        self.new = True
        self._socket = wire = connection._sock
        poll = select.poll()
        poll.register(wire, select.POLLIN)
        self._poll = poll.poll
        # A socket with a timeout asks the kernel before each send and receive whether it may; TLS needs it.
        self._plain = type(wire).recv is SocketType.recv
        if self._plain:
            wire.setblocking(False)

    def ask(self, command: bytes, deadline: float) -> Any:
        """The server's answer, by a time of the monotonic clock. Raises OSError, ValueError, and Rejected for an error.

        Whatever is raised but Rejected leaves the line with an answer that nobody has read.
        """
        wire = self._socket
        sent = wire.send(command) if self._plain else 0
        if sent < len(command):
            self._send(command[sent:], deadline)
            data = self._receive(deadline)
        elif self._poll(left(deadline) * 1000):
            data = wire.recv(PIECE)
        else:
            raise TimeoutError(LATE)
        while True:
            try:
                return replies.read(data)
            except replies.Partial:
                data += self._more(data, deadline)

    def _send(self, rest: bytes, deadline: float) -> None:
        self._socket.settimeout(left(deadline))
        self._socket.sendall(rest)
        if self._plain:
            self._socket.setblocking(False)

    def _receive(self, deadline: float) -> bytes:
        """What has come, as soon as anything has; b"" where the server hung up."""
        rest = left(deadline)
        if not self._plain:
            self._socket.settimeout(rest)
        elif not self._poll(rest * 1000):
            raise TimeoutError(LATE)
        piece: bytes = self._socket.recv(PIECE)
        return piece

    def _more(self, data: bytes, deadline: float) -> bytes:
        """The next piece, however small the pieces are that a server sends."""
        if not data or len(data) > replies.LARGEST:
            raise ConnectionError("the reply does not end" if data else "the server closed the connection")
        if deadline <= monotonic():
            raise TimeoutError(LATE)
        piece = self._receive(deadline)
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
