"""What happens inside a server, told to the test as it happens: datagrams one way, a gate the other.

Runs in two processes: the app calls `tell` and `pass_gate`, the test holds `Events` and `Gate`.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

HOST = "127.0.0.1"
PATIENCE = 10.0
# Where the app finds the port of the test's `Events`.
VARIABLE = "LIVE_EVENTS"


def tell(token: str, what: str, **more: Any) -> None:
    """An event about `token`, sent to the test; lost silently when no test listens."""
    port = os.environ.get(VARIABLE)
    if port and token:
        line = json.dumps({"token": token, "what": what, "pid": os.getpid(), **more}).encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(line, (HOST, int(port)))


def pass_gate(port: str) -> None:
    """Returns when the test has opened its gate; at once when there is none."""
    if port:
        with socket.create_connection((HOST, int(port)), timeout=PATIENCE) as conn:
            conn.recv(1)


class Gate:
    """A place where the app waits: `reached()` returns once it stands there, `open()` lets it go on."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self._listener.settimeout(PATIENCE)
        self._conn: socket.socket | None = None
        self.port = self._listener.getsockname()[1]

    def reached(self) -> None:
        self._conn, _ = self._listener.accept()

    def open(self) -> None:
        if self._conn is None:
            self.reached()
        assert self._conn is not None
        self._conn.close()

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._listener.close()


class Events:
    """Everything told since the start, in order of arrival; `wait` blocks until it is there."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._news = threading.Condition(threading.RLock())
        self._seen: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            line = self._socket.recv(65536)
            if not line:
                return
            with self._news:
                self._seen.append(json.loads(line))
                self._news.notify_all()

    def all(self, token: str, what: str) -> list[dict[str, Any]]:
        with self._news:
            return [event for event in self._seen if event["token"] == token and event["what"] == what]

    def wait(self, token: str, what: str) -> dict[str, Any]:
        """The first such event, waited for at most `PATIENCE` seconds."""
        with self._news:
            assert self._news.wait_for(lambda: self.all(token, what), PATIENCE), f"no {what!r} of {token!r} was told"
            return self.all(token, what)[0]

    def repeated(self, what: str) -> list[str]:
        """Tokens told of `what` more than once."""
        with self._news:
            tokens = [event["token"] for event in self._seen if event["what"] == what]
        return sorted({token for token in tokens if tokens.count(token) > 1})

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", (HOST, self.port))
        self._thread.join(PATIENCE)
        self._socket.close()
