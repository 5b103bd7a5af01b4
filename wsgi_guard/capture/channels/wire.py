"""What channels have in common: a failure, a bound on a whole attempt, and one POST over HTTP."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR
from typing import Any, Protocol
from urllib.parse import urlsplit

from wsgi_guard.capture.alerts.notice import Message

# `threading` is asked by attribute: gevent may replace its classes after this module was imported.

ANSWER = 4 * 1024
"""Bytes of an answer that are read: enough to use the connection up, no more than anybody needs to say."""


class DeliveryError(Exception):
    """A message did not arrive. The text is for the log: no address with a secret in it, nothing of the message.

    `final`: sending it again makes no sense. `pause`: seconds the receiver asked to wait, 0 for none.
    """

    def __init__(self, text: str, *, final: bool = False, pause: float = 0.0) -> None:
        super().__init__(text)
        self.final = final
        self.pause = pause


class Channel(Protocol):
    name: str

    def deliver(self, message: Message, timeout: float) -> None:
        """Raises DeliveryError, after about `timeout` seconds at the latest."""
        ...


@contextmanager
def cut_off(find: Callable[[], Any], seconds: float) -> Iterator[None]:
    """After so many seconds ends whatever waits on the socket that `find` returns, however slowly the server drips."""
    over = threading.Event()

    def watch() -> None:
        pause = seconds
        while not over.wait(pause):
            # Again and again: a socket may be made, or wrapped in TLS, when its time is up already.
            pause = 0.1
            with suppress(OSError, AttributeError):
                find().shutdown(SHUT_RDWR)

    thread = threading.Thread(target=watch, name="wsgi_guard-cut-off", daemon=True)
    # Where the process ends there may be no more threads; the time limit of each step is left.
    with suppress(RuntimeError):
        thread.start()
    try:
        yield
    finally:
        over.set()


def verified(ca: str | None) -> ssl.SSLContext:
    """TLS that proves the server's name, by the system's certificates or those of the file `ca`."""
    return ssl.create_default_context(cafile=ca)


def post(url: str, body: bytes, headers: Mapping[str, str], *, ca: str | None, timeout: float) -> None:
    """Sends JSON and takes any 2xx for a yes; follows no redirect, for the address is a secret of its owner."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=verified(ca))
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sockets: list[Any] = [None]
    try:
        with cut_off(lambda: sockets[-1], timeout):
            connection.connect()
            # Kept: the connection lets go of it before the body is read.
            sockets.append(connection.sock)
            connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            answer.read(ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DeliveryError(described(error)) from None
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        # What the receiver calls a mistake of the sender's stays one; a 408 and a 429 are about the time.
        final = 400 <= answer.status < 500 and answer.status not in (408, 429)
        raise DeliveryError(f"answered {answer.status}", final=final, pause=_pause(answer.headers.get("Retry-After")))


def described(error: Exception) -> str:
    """An error for the log by its kind alone: what servers say may repeat what they were sent."""
    reason = error.strerror if isinstance(error, OSError) and isinstance(error.strerror, str) else ""
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def _pause(text: str | None) -> float:
    return float(text[:4]) if text is not None and text.isascii() and text.isdigit() else 0.0
