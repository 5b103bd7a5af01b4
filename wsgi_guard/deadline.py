"""Talk with another server that is over within the time given, whatever that server does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

# `threading` is asked by attribute: gevent may replace its classes after this module was imported.

Result = TypeVar("Result")


class Line:
    """The connections of one attempt. When its time is up they are cut, and no more are made."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: list[socket.socket] = []
        self._over = False

    def open(self, host: str, port: int) -> socket.socket:
        """A connection, which may be wrapped in TLS. Raises OSError, thus TimeoutError when the time is up."""
        plain = socket.create_connection((host, port), self._seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._keep(plain)
        except BaseException:
            plain.close()
            raise
        return plain

    def _keep(self, plain: socket.socket) -> None:
        with self._lock:
            if self._over:
                raise TimeoutError
            # A handle of its own: TLS takes the first one over, and is out of reach while it shakes hands.
            self._kept.append(plain.dup())

    def end(self) -> None:
        with self._lock:
            self._over = True
            for kept in self._kept:
                with suppress(OSError):
                    kept.shutdown(socket.SHUT_RDWR)
                kept.close()
            self._kept.clear()


def within(seconds: float, act: Callable[[Line], Result]) -> Result:
    """What `act` returns or raises. TimeoutError after so many seconds.

    A socket counts its time anew with each byte, and looking up a name knows none: so `act` runs in a thread, which may
    be left behind for as long as a name is looked up. What it opens by its Line ends with its time.
    """
    line, future = Line(seconds), Future[Result]()

    def run() -> None:
        try:
            future.set_result(act(line))
        except BaseException as error:
            future.set_exception(error)
        finally:
            line.end()

    try:
        threading.Thread(target=run, name="wsgi_guard-within", daemon=True).start()
    except RuntimeError:
        # Where the process ends there may be no more threads; the time limit of each step is left.
        run()
    try:
        return future.result(seconds)
    finally:
        line.end()


def described(error: Exception) -> str:
    """An error for the log by its kind and the system's words: other texts may repeat what a server sent."""
    reason = error.strerror if isinstance(error, OSError) and isinstance(error.strerror, str) else ""
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
