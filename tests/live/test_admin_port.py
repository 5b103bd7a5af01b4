"""Health under gunicorn: a port that answers while all workers are stuck, and one process that watches for all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.health.ticking import until
from tests.support.postgres import Postgres
from tests.support.processes import free_port

from .servers import ROOT, Running, running

pytestmark = pytest.mark.live

TOKEN = "a-token-of-some-length"
APP = """
import os, threading, time

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/query":
        with environ["wsgi_guard.pool"].connection() as line:
            line.execute("SELECT 1").fetchone()
    if path == "/block":
        end = time.monotonic() + 3
        while time.monotonic() < end:
            sum(range(1000))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

def opens():
    while not os.path.exists("open"):
        time.sleep(0.01)

def watched():
    with open("watched", "a") as file:
        file.write(f"{os.getpid()}\\n")
    return {"status": "fail" if os.path.exists("broken") else "pass"}
"""
SETTINGS = """
[admin]
token = "{token}"
listen = "127.0.0.1:{port}"

[health.checks.watched]
type = "shop:watched"
interval = 0.2
tier = "ready"
"""
FLAG = ("-c", "python:wsgi_guard.gunicorn")
KINDS = {
    "sync": (*FLAG, "--workers", "2"),
    "gthread": (*FLAG, "--workers", "2", "--worker-class", "gthread", "--threads", "2"),
    "gevent": (*FLAG, "--workers", "2", "--worker-class", "gevent"),
    "preload": (*FLAG, "--workers", "2", "--preload"),
}


@contextmanager
def serving(site: Path, port: int, *options: str, **env: str) -> Iterator[Running]:
    (site / "shop.py").write_text(APP)
    (site / "wsgi_guard.toml").write_text(SETTINGS.format(token=TOKEN, port=port))
    with running("gunicorn-sync", "shop:app", options=("--chdir", str(site), *options), folder=site, env=env) as found:
        yield found


def app_port(site: Running) -> int:
    return int(site.address[1])


def ask(port: int, path: str, timeout: float = 10.0) -> tuple[int, Any]:
    line = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        line.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def probes(port: int, path: str, count: int, rate: float = 200.0) -> list[float]:
    """Seconds that each of `count` probes took, sent at their times whatever became of those before."""
    began = time.perf_counter()

    def one(at: int) -> float:
        time.sleep(max(began + at / rate - time.perf_counter(), 0))
        sent = time.perf_counter()
        line = HTTPConnection("127.0.0.1", port, timeout=10)
        line.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = line.getresponse()
        body = answer.read()
        line.close()
        assert answer.status == 200, body
        return time.perf_counter() - sent

    with ThreadPoolExecutor(8) as threads:
        return sorted(threads.map(one, range(count)))


def p99(times: list[float]) -> float:
    return times[int(len(times) * 0.99) - 1]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_probes_are_answered_while_every_worker_is_stuck(
    kind: str, tmp_path: Path, private_postgres: Postgres
) -> None:
    port = free_port()
    url = private_postgres.url
    with serving(tmp_path, port, *KINDS[kind], DATABASE_URL=url, WSGI_GUARD_POOLS__MAIN__TIMEOUT="30") as site:
        # Both workers accept here, and one that only follows knows the results up to a second later.
        until(lambda: all(ask(port, "/readyz")[0] == 200 for _ in range(50)))
        assert site.get("/query").status == 200
        idle = {path: p99(probes(port, path, 100)) for path in ("/livez", "/readyz", "/metrics")}
        private_postgres.freeze()
        try:
            stuck = [threading.Thread(target=hopeless, args=(app_port(site), "/query"), daemon=True) for _ in range(12)]
            for thread in stuck:
                thread.start()
            if kind in ("sync", "preload"):
                until(lambda: not answers(app_port(site), "/livez"))
            for path, before in idle.items():
                # One that waited for a worker would be slow each time, a busy machine now and then.
                assert min(p99(probes(port, path, 100)) for _ in range(3)) < max(20 * before, 0.05)
        finally:
            private_postgres.thaw()


def hopeless(port: int, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(20.0)
        line.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        try:
            line.recv(1)
        except OSError:
            return


def answers(port: int, path: str, timeout: float = 0.5) -> bool:
    try:
        return ask(port, path, timeout)[0] == 200
    except OSError:
        return False


def test_greenlets_that_never_yield_hold_no_probe(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, *KINDS["gevent"]) as site:
        until(lambda: answers(port, "/readyz"))
        for _ in range(4):
            threading.Thread(target=hopeless, args=(app_port(site), "/block"), daemon=True).start()
        until(lambda: not answers(app_port(site), "/livez"))
        for _ in range(10):
            assert ask(port, "/livez", timeout=2.0)[0] == 200


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_process_watches_and_another_takes_over(kind: str, tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, *KINDS[kind]) as site:
        book = tmp_path / "watched"
        until(lambda: book.exists() and len(book.read_text().split()) > 5)
        (watching,) = set(book.read_text().split())
        # Both workers know what one has found, and say so on both ports.
        until(lambda: {site.get("/readyz").status for _ in range(6)} == {200} and ask(port, "/readyz")[0] == 200)
        (tmp_path / "broken").touch()
        until(lambda: {site.get("/readyz").status for _ in range(6)} == {503} and ask(port, "/readyz")[0] == 503)
        os.kill(int(watching), signal.SIGKILL)
        (tmp_path / "broken").unlink()
        until(lambda: set(book.read_text().split()) - {watching} != set())
        until(lambda: {site.get("/readyz").status for _ in range(6)} == {200} and ask(port, "/readyz")[0] == 200)
        # The one that took over goes on with what the one before knew; who only reads is a second behind.
        until(lambda: "f" in ask(port, "/health/check/watched")[1]["checks"]["watched"][0]["trend"]["last"])
        book.unlink()
        until(lambda: book.exists() and len(book.read_text().split()) > 5)
        assert len(set(book.read_text().split())) == 1


def test_results_of_a_frozen_watch_are_told_as_stale(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, *KINDS["sync"], WSGI_GUARD_HEALTH__CHECKS__WATCHED__TIMEOUT="0.5") as site:
        book = tmp_path / "watched"
        until(lambda: book.exists() and len(book.read_text().split()) > 5)
        (watching,) = map(int, set(book.read_text().split()))
        until(lambda: all(part(port)["status"] == "pass" for _ in range(10)))
        os.kill(watching, signal.SIGSTOP)
        # It may take one more connection before the signal gets to it.
        until(lambda: Path(f"/proc/{watching}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        try:
            until(lambda: part(port)["status"] == "unknown")
            assert part(port)["output"].startswith("stale: last run ")
            # No reason to take the last instance out of the balancer, and one to look.
            assert ask(port, "/readyz")[0] == 200
            assert ask(port, "/health") == (200, {"status": "warn"})
        finally:
            os.kill(watching, signal.SIGCONT)
        until(lambda: all(part(port)["status"] == "pass" for _ in range(10)))
        assert site.get("/livez").status == 200


def part(port: int) -> Any:
    return ask(port, "/health/check/watched")[1]["checks"]["watched"][0]


def test_port_is_not_ready_before_the_first_round_is_over(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, *KINDS["sync"], WSGI_GUARD_HEALTH__CHECKS__WATCHED__TYPE='"shop:opens"') as site:
        until(lambda: answers(port, "/livez"))
        for _ in range(10):
            assert ask(port, "/livez") == (200, {"status": "pass"})
            assert ask(port, "/readyz") == (503, {"status": "fail", "output": "starting"})
        assert site.get("/readyz").status == 503
        assert site.get("/shop").status == 200
        (tmp_path / "open").touch()
        until(lambda: all(ask(port, "/readyz")[0] == 200 for _ in range(10)))


def test_token_cannot_be_guessed_at_any_port(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, *KINDS["sync"]) as site:
        until(lambda: answers(port, "/livez"))
        for at in (port, app_port(site)):
            # Until both workers have had theirs, in whatever turns they take.
            codes: list[int] = []
            while codes[-20:] != [429] * 20 and len(codes) < 1000:
                codes.append(guess(at, ("/health/detailed", "/metrics")[len(codes) % 2]))
            # Twenty for each of two workers, whichever of the two ports takes them.
            assert codes.count(401) <= 40
            assert codes[-1] == 429
        assert ask(port, "/livez")[0] == 200


def guess(port: int, path: str) -> int:
    line = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", path, headers={"Authorization": "Bearer wrong"})
        return line.getresponse().status
    finally:
        line.close()


def test_port_outlives_a_reload(tmp_path: Path) -> None:
    port, missed = free_port(), 0
    with serving(tmp_path, port, *KINDS["sync"]) as site:
        until(lambda: answers(port, "/livez"))
        site.send(signal.SIGHUP)
        for _ in range(60):
            # New workers take a while to load the app; until then a connection waits, as on gunicorn's own port.
            missed += not answers(port, "/livez", timeout=15.0)
            time.sleep(0.02)
        assert missed == 0


def test_address_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS.format(token=TOKEN, port=port))
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(
            [sys.executable, "-m", "gunicorn", *FLAG, "--bind", "127.0.0.1:0", "shop:app"], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert f"admin.listen: 127.0.0.1:{port} cannot be had: Address already in use" in done.stderr
