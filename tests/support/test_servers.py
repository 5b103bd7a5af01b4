"""The servers of the tests themselves: they break as told, and nothing is left of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.postgres import Postgres
from tests.support.proxy import BreakableProxy
from tests.support.redis import Redis


def _ping(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=0.3) as conn:
        conn.sendall(b"PING\r\n")
        return conn.recv(16)


def test_redis_freezes_and_comes_back(redis_server: Redis) -> None:
    redis_server.freeze()
    with pytest.raises(TimeoutError):
        _ping(redis_server.port)
    redis_server.thaw()
    assert _ping(redis_server.port) == b"+PONG\r\n"
    redis_server.kill()
    with pytest.raises(ConnectionRefusedError):
        _ping(redis_server.port)
    redis_server.restart()
    assert _ping(redis_server.port) == b"+PONG\r\n"


def test_postgres_keeps_data_over_kill(private_postgres: Postgres) -> None:
    with psycopg.connect(private_postgres.url) as conn:
        conn.execute("CREATE TABLE kept (n int)")
        conn.execute("INSERT INTO kept VALUES (7)")
    private_postgres.stop()
    private_postgres.start()
    private_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(private_postgres.url, connect_timeout=2)
    private_postgres.start()
    with psycopg.connect(private_postgres.url) as conn:
        assert conn.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_frozen_postgres_answers_nothing(private_postgres: Postgres) -> None:
    with psycopg.connect(private_postgres.url) as conn, ThreadPoolExecutor(1) as thread:
        private_postgres.freeze()
        answer = thread.submit(conn.execute, "SELECT 1")
        with pytest.raises(FutureTimeout):
            answer.result(0.2)
        private_postgres.thaw()
        assert answer.result(5).fetchall() == [(1,)]


def test_proxy_goes_deaf_and_drops(redis_server: Redis, deaf_proxy: Callable[[str], BreakableProxy]) -> None:
    proxy = deaf_proxy(redis_server.url)
    assert _ping(proxy.port) == b"+PONG\r\n"
    proxy.deafen()
    with pytest.raises(TimeoutError):
        _ping(proxy.port)
    proxy.hear()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=1) as conn:
        conn.sendall(b"PING\r\n")
        assert conn.recv(16) == b"+PONG\r\n"
        proxy.drop()
        assert _gone(conn)
    assert _ping(proxy.port) == b"+PONG\r\n"
    proxy.refuse()
    with pytest.raises(OSError):
        _ping(proxy.port)
    proxy.accept()
    assert _ping(proxy.port) == b"+PONG\r\n"


def _gone(conn: socket.socket) -> bool:
    try:
        return conn.recv(16) == b""
    except ConnectionResetError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel signals an orphan")
def test_server_dies_with_its_starter(tmp_path: Path) -> None:
    code = "import sys; from tests.support.redis import Redis; print(Redis().pid, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        server = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    deadline = time.monotonic() + 5
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
