"""A private Redis in memory, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
from functools import partial

from tests.support.processes import HOST, Child, StartFailed, free_port, private_folder

_NAMED = os.environ.get("TEST_REDIS_SERVER") or "redis-server"
PROGRAM = shutil.which(_NAMED) or _NAMED
"""The server that the tests start; a Valkey speaks the same."""


class Redis:
    """A running server; `url` and `port` stay the same over `restart()`, the data does not."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self._child = Child(_command(self.port), private_folder("redis"), partial(answers, self.port))
        self.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def start(self) -> None:
        self._child.start()

    def kill(self) -> None:
        """Gone at once, as by a power cut; connections are reset and new ones refused."""
        self._child.kill()

    stop = kill

    def restart(self) -> None:
        self._child.kill()
        self._child.start()

    def freeze(self) -> None:
        """Accepts connections (the kernel does) and answers nothing, until `thaw()`."""
        self._child.freeze()

    def thaw(self) -> None:
        self._child.thaw()

    def discard(self) -> None:
        """The end: kill it and remove its folder."""
        self._child.discard()


def answers(port: int) -> bool:
    """Whether a server on `port` answers PING."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as conn:
            conn.sendall(b"PING\r\n")
            return conn.recv(16) == b"+PONG\r\n"
    except OSError:
        return False


def missing() -> str | None:
    """Why Redis cannot be started here, or None."""
    if shutil.which(PROGRAM) is None:
        return f"{PROGRAM} is not installed: apt-get install -y redis-server"
    return None


def _command(port: int) -> list[str]:
    if reason := missing():
        raise StartFailed(reason)
    words = [PROGRAM, "--bind", HOST, "--port", str(port), "--daemonize", "no", "--databases", "16"]
    return [*words, "--save", "", "--appendonly", "no", "--loglevel", "warning", "--protected-mode", "no"]
