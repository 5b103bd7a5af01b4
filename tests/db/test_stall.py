"""Waits that would have no end: a server frozen in the middle of a query, a line that swallows, a query too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.db.conftest import MakeData, Run, backends
from tests.health.ticking import until
from tests.support.postgres import Postgres
from tests.support.proxy import BreakableProxy
from wsgi_guard.errors import Outage

TIMEOUT = 0.5
# The time to notice: a quarter of the timeout at most, a second to ask the server, and room for a busy machine.
NOTICED = TIMEOUT + 1.0 + 1.0
QUICK = {"timeout": TIMEOUT, "max_size": 4, "max_waiting": 0}
# The server is asked several times while it works, and has the time to answer on a busy machine.
SOON = {**QUICK, "timeout": 0.6}


def begun(server: Postgres, words: str, count: int) -> None:
    """Returns when the server is at work on `count` statements with these words in them."""
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        ask = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND usename = 'app' AND query LIKE %s"
        until(lambda: admin.execute(ask, [f"%{words}%"]).fetchone() == (count,))


def test_server_frozen_in_mid_query_lets_go(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    data = make_data({**QUICK, "min_size": 4}, main=private_postgres.url)
    pool = data.pools["main"]
    pool.wait(10)

    def work(_: int) -> float:
        with run(data, 500) as facts:
            conn = facts.environ["wsgi_guard.db"]()
            started = time.monotonic()
            with pytest.raises(psycopg.OperationalError, match="no answer"):
                conn.execute("SELECT pg_sleep(60)")
            assert isinstance(facts.noted, Outage)
            return time.monotonic() - started

    with ThreadPoolExecutor(4) as threads:
        waits = threads.map(work, range(4))
        begun(private_postgres, "pg_sleep", 4)
        private_postgres.freeze()
        assert max(waits) < NOTICED + 1
    private_postgres.thaw()
    started = time.monotonic()
    while True:
        try:
            with pool.connection() as conn:
                assert conn.execute("SELECT 1").fetchone() == (1,)
            break
        except psycopg.OperationalError:
            assert time.monotonic() - started < 2.0
    # The server has noticed that nobody waits for what it slept over, and that those lines are gone.
    until(lambda: backends(private_postgres, state="active") == 0 and backends(private_postgres) <= 4)
    assert backends(private_postgres, state="idle in transaction") == 0


def test_frozen_server_costs_a_request_the_timeout_once(
    make_data: MakeData, private_postgres: Postgres, run: Run
) -> None:
    """The question whether the server is there is part of the timeout, not a second wait after it."""
    data = make_data({**QUICK, "timeout": 2.0}, main=private_postgres.url)
    data.pools["main"].wait(10)
    started = 0.0
    with run(data, 500) as facts:
        conn = facts.environ["wsgi_guard.db"]()
        private_postgres.freeze()
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="the server is silent"):
            conn.execute("SELECT 1")
    assert time.monotonic() - started < 2.9
    private_postgres.thaw()


def test_silence_found_for_one_is_found_for_all(make_data: MakeData, private_postgres: Postgres) -> None:
    """Whoever began to wait a little later does not wait for a second question."""
    pool = make_data({**QUICK, "timeout": 2.0}, main=private_postgres.url).pools["main"]
    first, second = pool.getconn(10), pool.getconn(10)

    def work(conn: Any, gate: threading.Event, pause: float) -> float:
        gate.wait(pause)
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="the server is silent"):
            conn.execute("SELECT 1")
        return time.monotonic() - started

    private_postgres.freeze()
    with ThreadPoolExecutor(2) as threads:
        waits = [threads.submit(work, conn, threading.Event(), pause) for conn, pause in ((first, 0.0), (second, 0.3))]
        assert max(wait.result() for wait in waits) < 2.6
    private_postgres.thaw()
    for conn in (first, second):
        conn.close()


def test_commit_on_a_frozen_server_lets_go(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    data = make_data(QUICK, main=private_postgres.url)
    data.pools["main"].wait(10)
    started = 0.0
    with pytest.raises(psycopg.OperationalError, match="no answer"), run(data) as facts:
        facts.environ["wsgi_guard.db"]().execute("SELECT 1")
        private_postgres.freeze()
        started = time.monotonic()
    assert time.monotonic() - started < NOTICED
    private_postgres.thaw()


def test_swallowed_query_lets_go(
    make_data: MakeData, private_postgres: Postgres, deaf_proxy: Callable[[str], BreakableProxy]
) -> None:
    """The line swallowed the query and works again: the server answers, but does not know of it."""
    proxy = deaf_proxy(private_postgres.url)
    pool = make_data(QUICK, main=proxy.url).pools["main"]
    pool.wait(10)
    with pool.connection() as conn:
        conn.execute("SELECT 1")
        proxy.deafen()
        with pytest.raises(psycopg.OperationalError, match="silent"):
            conn.execute("SELECT 2")
    proxy.hear()
    with pool.connection() as conn:
        assert conn.execute("SELECT 3").fetchone() == (3,)


@pytest.mark.parametrize("text", ["SELECT pg_sleep(20)", "SELECT 1; SELECT pg_sleep(20)"])
def test_session_that_ended_unheard_lets_go(make_data: MakeData, private_postgres: Postgres, text: str) -> None:
    proxy = BreakableProxy(private_postgres.url)
    pool = make_data(QUICK, main=proxy.url).pools["main"]
    try:
        pool.wait(10)
        with ThreadPoolExecutor() as threads, pool.connection() as conn:
            asked = threads.submit(conn.execute, text)
            begun(private_postgres, "pg_sleep", 1)
            proxy.forget()
            started = time.monotonic()
            with pytest.raises(psycopg.OperationalError, match="the server does not know of the statement"):
                asked.result(10)
            # The server itself takes up to a second to see that nobody is there.
            assert time.monotonic() - started < NOTICED + 5.0
        with pool.connection() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
    finally:
        proxy.close()


def test_slow_query_is_left_alone(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data(SOON, main=private_postgres.url).pools["main"]
    pool.wait(10)
    with pool.connection() as conn:
        assert conn.execute("SELECT 7, pg_sleep(2.5)").fetchone() == (7, "")


def test_slow_query_behind_a_pooler_is_left_alone(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data({**SOON, "pgbouncer": True}, main=private_postgres.url).pools["main"]
    pool.wait(10)
    with pool.connection() as conn:
        assert conn.execute("SELECT 7, pg_sleep(2.5)").fetchone() == (7, "")


def test_slow_query_outlives_a_full_server(make_data: MakeData) -> None:
    server = Postgres(max_connections=5)
    try:
        pool = make_data({**SOON, "max_size": 1}, main=server.url).pools["main"]
        pool.wait(10)
        with pool.connection() as conn, psycopg.connect(server.url):
            assert conn.execute("SELECT 7, pg_sleep(1.5)").fetchone() == (7, "")
    finally:
        server.discard()


def test_query_beyond_its_time_is_cancelled(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data({"query_timeout": 0.3, "max_size": 1}, main=private_postgres.url).pools["main"]
    pool.wait(10)
    with pool.connection() as conn:
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("SELECT pg_sleep(30)")
        assert time.monotonic() - started < 10.0
        conn.rollback()
        assert conn.execute("SELECT 1").fetchone() == (1,)
    until(lambda: backends(private_postgres, state="active") == 0)


def test_waiting_for_notifications_is_not_cut(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data({**SOON, "query_timeout": 0.3}, main=private_postgres.url).pools["main"]
    pool.wait(10)
    with pool.connection() as conn:
        conn.autocommit = True
        conn.execute("LISTEN news")

        def tell() -> None:
            with psycopg.connect(private_postgres.url, autocommit=True) as other:
                other.execute("NOTIFY news, 'late'")

        later = threading.Timer(1.5, tell)
        later.start()
        found: list[Any] = [each.payload for each in conn.notifies(timeout=8, stop_after=1)]
        assert found == ["late"]
        later.join()
