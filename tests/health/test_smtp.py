"""A mail server asked for its greeting: well, full, silent, slow, or something else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from wsgi_guard.health.decide import FAIL, PASS
from wsgi_guard.health.smtp import greeting


@contextmanager
def speaking(*parts: bytes, pause: float = 0.0) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says `parts` one after the other; what it heard."""
    heard: list[bytes] = []
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line:
            line.settimeout(2.0)
            with suppress(OSError):
                for part in parts:
                    line.sendall(part)
                    done.wait(pause)
                heard.append(line.recv(100))

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], heard
    done.set()
    thread.join()
    listener.close()


GREETINGS = [
    ((b"220 mail ESMTP\r\n",), PASS, "", {"code": 220}),
    ((b"220-mail\r\n", b"220 ready\r\n"), PASS, "", {"code": 220}),
    ((b"22", b"0 ready\r", b"\n"), PASS, "", {"code": 220}),
    ((b"421 too busy\r\n",), FAIL, "answered 421", {"code": 421}),
    ((b"554 no\r\n",), FAIL, "answered 554", {"code": 554}),
    ((b"SSH-2.0-OpenSSH\r\n",), FAIL, "no SMTP greeting", {}),
    ((b"x" * 5000,), FAIL, "no SMTP greeting", {}),
    ((b"220-" + b"y" * 5000,), FAIL, "no SMTP greeting", {}),
]


def test_greetings_table_is_whole() -> None:
    assert len(GREETINGS) == 8


@pytest.mark.parametrize(("parts", "status", "cause", "observed"), GREETINGS)
def test_greeting_is_read(parts: tuple[bytes, ...], status: str, cause: str, observed: dict[str, int]) -> None:
    with speaking(*parts, pause=0.01) as (port, heard):
        said = greeting(f"smtp://127.0.0.1:{port}")(5.0)
    assert (said.status, said.cause, said.observed) == (status, cause, observed)
    assert heard == [b"QUIT\r\n"] or status == FAIL


@pytest.mark.parametrize("parts", [(), (b"220-a\r\n",) * 100])
def test_silence_and_dripping_end_in_time(parts: tuple[bytes, ...]) -> None:
    with speaking(*parts, pause=0.1) as (port, _):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            greeting(f"smtp://127.0.0.1:{port}")(0.5)
        assert time.monotonic() - began < 5.0


def test_dripping_handshake_ends_in_time() -> None:
    with speaking(b"\x16\x03\x03\x40\x00", *[b"x"] * 100, pause=0.1) as (port, _):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            greeting(f"smtps://127.0.0.1:{port}")(0.5)
        assert time.monotonic() - began < 5.0


def test_nobody_there_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        greeting(f"smtp://127.0.0.1:{port}")(5.0)
