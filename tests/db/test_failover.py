"""Faults that the URL provides for: a second server on another port."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.db.conftest import MakeData, backends
from tests.support.postgres import Postgres
from tests.support.processes import HOST


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    servers = Postgres(), Postgres()
    try:
        yield servers
    finally:
        for server in servers:
            server.discard()


def ports(pair: tuple[Postgres, Postgres]) -> str:
    first, second = (server.port for server in pair)
    return urlsplit(pair[0].url)._replace(netloc=f"app@{HOST}:{first},{HOST}:{second}").geturl()


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_pool_fails_over_to_another_port(
    make_data: MakeData, pair: tuple[Postgres, Postgres], fault: str
) -> None:
    first, second = pair
    pool = make_data({"max_size": 2, "timeout": 3.0}, main=ports(pair)).pools["main"]

    def port() -> int:
        with pool.connection() as conn:
            row = conn.execute("SELECT current_setting('port')::int").fetchone()
        assert row is not None
        return int(row[0])

    assert port() == first.port
    getattr(first, fault)()
    started = time.monotonic()
    while True:
        try:
            assert port() == second.port
            break
        except psycopg.OperationalError:
            assert time.monotonic() - started < 12.0
    # A server that is gone is passed by at once; a silent one is found out after the timeout and the second in which it
    # does not answer, and passed by after its share of the time to connect, two seconds.
    assert time.monotonic() - started < (2.0 if fault == "kill" else 8.0)
    for _ in range(20):
        assert port() == second.port
    assert backends(second) <= 2
    assert backends(second, state="idle in transaction") == 0
