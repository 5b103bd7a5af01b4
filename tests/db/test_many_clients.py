"""Far more clients at once than connections, on a gunicorn with threads and the settings that the README names."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.db.conftest import backends
from tests.live.servers import running
from tests.support.postgres import Postgres

pytestmark = pytest.mark.live

# All of them in the soak run, a fifth in the suite; each asks several times.
CLIENTS = 1000 if os.environ.get("WSGI_GUARD_SOAK") else 200
TURNS = 3
THREADS, WORKERS = 8, 2
OPTIONS = (
    "-c", "python:wsgi_guard.gunicorn", "--workers", str(WORKERS), "--threads", str(THREADS),
    "--backlog", "2048", "--worker-connections", "2000",
)  # fmt: skip
APP = """
from wsgi_guard import execute_query

def app(environ, start_response):
    found = execute_query("SELECT 40 + %s::int AS n", (2,))[0]["n"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [str(found).encode()]
"""


def test_many_clients_meet_no_error(tmp_path: Path, private_postgres: Postgres) -> None:
    (tmp_path / "shop.py").write_text(APP)
    pool = f'[pools.main]\nurl = "{private_postgres.url}"\nmax_size = {THREADS}\n'
    (tmp_path / "wsgi_guard.toml").write_text(f'[rate_limit]\nbuiltin_rules = "off"\n{pool}')
    options = ("--chdir", str(tmp_path), *OPTIONS)
    with running("gunicorn-gthread", "shop:app", options=options, folder=tmp_path) as shop:
        found = asyncio.run(clients(int(shop.address[1])))
        assert backends(private_postgres) <= WORKERS * THREADS
        assert backends(private_postgres, state="idle in transaction") == 0
    assert found == {b"HTTP/1.1 200 OK\r\n42": CLIENTS * TURNS}


async def clients(port: int) -> Counter[bytes]:
    """What so many clients, all connected at the same time, were told: status line and body."""
    gate = asyncio.Barrier(CLIENTS)
    found = await asyncio.gather(*(client(port, gate) for _ in range(CLIENTS)))
    return Counter(answer for answers in found for answer in answers)


async def client(port: int, gate: asyncio.Barrier) -> list[bytes]:
    told = []
    for _ in range(TURNS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await gate.wait()
        writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        told.append(answer.partition(b"\n")[0] + b"\n" + answer.rpartition(b"\r\n\r\n")[2])
        writer.close()
    return told
