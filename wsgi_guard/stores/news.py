"""Hears of resets from a server: a subscription on a line of its own, and a number that changes with each message.

The thread starts when somebody first asks for the number. Every subscription, the first and those after a lost line,
changes it too, since what was told meanwhile is not known. While nothing is told nothing is sent: the kernel's
keepalive finds a dead line.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any
from weakref import ref

PAUSE = 0.5
"""Seconds between two attempts at a server that is away."""


class News:
    """`connect` makes a connection of the driver, not yet connected."""

    def __init__(self, connect: Callable[[], Any], channel: bytes) -> None:
        self._connect = connect
        self._channel = channel
        self._generation = 0
        self._pid = 0
        self._closed = threading.Event()

    def generation(self) -> int:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._closed = threading.Event()
            try:
                arguments = (ref(self), self._closed)
                threading.Thread(target=_listen, args=arguments, name="wsgi_guard-news", daemon=True).start()
            except RuntimeError:
                # The process may start no more threads: the next to ask tries again.
                self._pid = 0
        return self._generation

    def heard(self) -> None:
        self._generation += 1

    def close(self) -> None:
        self._closed.set()
        self._pid = 0

    def subscribe(self) -> Any:
        """A connection that hears what is told from now on."""
        connection = self._connect()
        try:
            connection.connect()
            connection.send_command("SUBSCRIBE", self._channel)
        except BaseException:
            connection.disconnect()
            raise
        return connection


def _listen(mine: ref[News], closed: threading.Event) -> None:
    """Until the news is closed, or belongs to nobody any more: then its guard is gone."""
    while _wanted(mine, closed):
        try:
            _hear(mine, closed)
        except Exception:
            # The store's own lines say in the log what is wrong with the server.
            closed.wait(PAUSE)


def _hear(mine: ref[News], closed: threading.Event) -> None:
    news = mine()
    if news is None:
        return
    connection = news.subscribe()
    del news
    try:
        while _wanted(mine, closed):
            # Not a timeout of the server's: the thread looks whether it is still wanted.
            if connection.can_read(timeout=1.0):
                connection.read_response()
                news = mine()
                if news is not None:
                    news.heard()
                del news
    finally:
        connection.disconnect()


def _wanted(mine: ref[News], closed: threading.Event) -> bool:
    return mine() is not None and not closed.is_set()
