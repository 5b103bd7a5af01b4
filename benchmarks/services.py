"""Private servers for a benchmark, started on free ports and ended with it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int, seconds: float = 10.0) -> None:
    """Returns when something listens on `port` of this host. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {seconds} seconds")


@contextmanager
def process(command: list[str], port: int, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        wait_for(port)
        yield child
    finally:
        child.terminate()
        child.wait(timeout=20)


@contextmanager
def redis_server() -> Iterator[str | None]:
    """The URL of a fresh redis-server; None where there is no such program."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    port = free_port()
    with process([program, "--port", str(port), "--save", "", "--appendonly", "no"], port):
        yield f"redis://127.0.0.1:{port}/0"
