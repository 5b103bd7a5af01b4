"""The port of `admin.listen`: what it serves, hostile clients, who takes it over; a dropped guard leaves it."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.health.ticking import stop_monitors, until
from tests.support.processes import free_port
from wsgi_guard import Guard, port
from wsgi_guard.port import Port, bound

TOKEN = "a-token-of-some-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app"]


def guarded(address: str, **more: Any) -> Guard:
    settings = {"admin": {"listen": address, "token": TOKEN}, "rate_limit": {"store": "memory"}, **more}
    return Guard(app, settings)


@pytest.fixture(scope="module")
def place() -> Iterator[int]:
    number = free_port()
    guard = guarded(f"127.0.0.1:{number}")
    guard.begin()
    yield number
    stop_monitors([guard])
    guard.stack.port.stop()  # type: ignore[union-attr]


def ask(
    place: int, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    line = HTTPConnection("127.0.0.1", place, timeout=10)
    try:
        line.request(method, path, body, headers or {})
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        line.close()


# path, status without and with the token, type
SERVED = [
    ("/livez", 200, 200, "application/health+json"),
    ("/readyz", 200, 200, "application/health+json"),
    ("/health", 200, 200, "application/health+json"),
    ("/health/detailed", 401, 200, "application/health+json"),
    ("/health/check/system", 401, 200, "application/health+json"),
    ("/admin/rate-limits/status", 401, 200, "application/json"),
    ("/metrics", 401, 200, "text/plain; version=0.0.4; charset=utf-8"),
    ("/", 404, 404, "application/problem+json"),
    ("/livez/", 404, 404, "application/problem+json"),
    ("/orders?x=1", 404, 404, "application/problem+json"),
]


def test_served_table_is_whole() -> None:
    assert len(SERVED) == 10


@pytest.mark.parametrize(("path", "anonymous", "admin", "kind"), SERVED)
def test_same_pages_and_no_app(place: int, path: str, anonymous: int, admin: int, kind: str) -> None:
    assert ask(place, path)[0] == anonymous
    status, headers, body = ask(place, path, headers=BEARER)
    assert (status, headers["Content-Type"]) == (admin, kind)
    assert headers["Cache-Control"] == "no-store"
    assert len(headers["X-Request-ID"]) == 32
    assert path == "/metrics" or json.loads(body).get("status") in ("pass", "warn", 404, None)
    assert "Python" not in headers["Server"]


def test_head_and_other_methods(place: int) -> None:
    status, headers, body = ask(place, "/livez", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "18")
    assert ask(place, "/livez", "DELETE")[0] == 405


def test_commands_are_taken_with_their_bodies(place: int) -> None:
    wrong = json.dumps({"rule": "none", "key": "a"}).encode()
    assert ask(place, "/admin/rate-limits/reset", "POST", wrong)[0] == 401
    assert ask(place, "/admin/rate-limits/reset", "POST", wrong, BEARER)[0] in (400, 404)


HOSTILE = [
    b"",
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
    b"GET /livez HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
    b"POST /livez HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nx",
    b"POST /admin/rate-limits/reset HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\n\r\n",
    b"GET /%00%ff%0d%0a HTTP/9.9\r\n\r\n",
]


def test_hostile_table_is_whole() -> None:
    assert len(HOSTILE) == 11


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bytes_end_in_an_answer_or_the_end(place: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", place), timeout=10) as line:
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: line.recv(65536), b""))
        except OSError:
            answer = b""
    assert b"Traceback" not in answer
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert ask(place, "/livez")[0] == 200


def test_silent_clients_hold_nobody_up(place: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", place), timeout=10) for _ in range(port.MOST * 2)]
    try:
        for _ in range(20):
            assert ask(place, "/livez")[0] == 200
        # The oldest have been sent away.
        assert silent[0].recv(1) == b""
    finally:
        for line in silent:
            line.close()


def test_silent_clients_are_sent_away(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "PATIENCE", 0.2)
    with socket.create_connection(("127.0.0.1", place), timeout=10) as line:
        line.sendall(b"GET /livez HTTP/1.1\r\nA: ")
        assert line.recv(1) == b""


def test_dropped_guard_gives_the_port_back() -> None:
    number = free_port()
    guard = guarded(f"127.0.0.1:{number}", guard={"layers": ["rate_limit"]})
    guard.begin()
    until(lambda: reachable(number))
    del guard
    gc.collect()
    until(lambda: not reachable(number))


def reachable(number: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", number)) == 0


CHILD = """
import sys, time
from tests.test_port import guarded
guard = guarded("127.0.0.1:" + sys.argv[1])
guard.begin()
time.sleep(60)
"""


def test_another_process_takes_over() -> None:
    number = free_port()
    started = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(number)], cwd=Path(__file__).parents[1]) for _ in range(2)
    ]
    try:
        until(lambda: reachable(number))
        started[0].kill()
        started[0].wait()
        until(lambda: reachable(number) and ask(number, "/livez")[0] == 200)
        assert started[1].poll() is None
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_address_that_is_taken_is_tried_again() -> None:
    with bound("127.0.0.1:" + str(number := free_port())) as taken:
        held = Port(f"127.0.0.1:{number}", app, lambda: None)
        held.start()
        time.sleep(0.05)
        taken.close()
        until(lambda: ask_or_none(number) == 200)
    held.stop()


def ask_or_none(number: int) -> int:
    try:
        return ask(number, "/")[0]
    except OSError:
        return 0


def test_version_six_is_served() -> None:
    number = free_port()
    served = Port(f"[::1]:{number}", app, lambda: None)
    served.start()
    socket.create_connection(("::1", number), timeout=10).close()
    served.stop()
