"""The pool on a healthy server: when it opens, what it gives, what comes back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import psycopg_pool
import pytest
from psycopg.rows import dict_row

from tests.db.conftest import MakeData, Run, backends, numbers
from tests.support.postgres import Postgres
from wsgi_guard.db.layer import Data
from wsgi_guard.errors import ConfigurationError, Outage
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret


def test_nothing_opens_before_first_use(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    threads = threading.active_count()
    data = make_data(main=private_postgres.url)
    with run(data) as facts:
        pool = facts.environ["wsgi_guard.pool"]
        assert isinstance(pool, psycopg_pool.ConnectionPool)
        assert facts.pool is pool
    assert threading.active_count() == threads
    assert backends(private_postgres) == 0
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert backends(private_postgres) in (1, 2)


def test_pools_are_found_by_name(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    data = make_data(main=postgres_server.url, training=f"{postgres_server.url}?application_name=other")
    with run(data) as facts:
        pools = facts.environ["wsgi_guard.pools"]
        assert sorted(pools) == ["main", "training"]
        assert pools["main"] is facts.environ["wsgi_guard.pool"]
        with pools["training"].connection() as conn:
            assert conn.execute("SHOW application_name").fetchone() == ("other",)
    assert "postgres" not in repr(pools)


def test_no_main_means_no_pool_key(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    with run(make_data(training=postgres_server.url)) as facts:
        assert "wsgi_guard.pool" not in facts.environ
        assert facts.pool is None
        assert list(facts.environ["wsgi_guard.pools"]) == ["training"]


def test_unusable_settings_are_all_named() -> None:
    sections = {
        "main": PoolSection(url=Secret("postgresql://u:hush@h/db?nonsense=1")),
        "none": PoolSection(),
        "sizes": PoolSection(url=Secret("postgresql://u:hush@h/db"), min_size=5, max_size=2),
        "good": PoolSection(url=Secret("postgresql://u:hush@h/db")),
    }
    with pytest.raises(ConfigurationError) as caught:
        Data(sections)
    named = [problem.partition(":")[0] for problem in caught.value.problems]
    assert named == ["pools.main", "pools.none", "pools.sizes"]
    assert "hush" not in str(caught.value)


def test_password_is_in_no_repr(make_data: MakeData) -> None:
    data = make_data(main="postgresql://u:hush@h/db")
    assert "hush" not in repr([data.pools, data.pools["main"], data.pings(), data])


def test_close_returns_the_connection(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data({"max_size": 1, "timeout": 1.0}, main=private_postgres.url).pools["main"]
    for _ in range(5):
        conn = pool.getconn()
        conn.execute("SELECT 1")
        conn.close()
    assert backends(private_postgres, state="idle") == 1
    assert pool.get_stats()["connections_num"] == 1


def test_closing_twice_harms_nobody(make_data: MakeData, postgres_server: Postgres) -> None:
    pool = make_data({"max_size": 1, "timeout": 2.0}, main=postgres_server.url).pools["main"]
    conn = pool.getconn()
    conn.close()
    conn.close()
    pool.putconn(conn)
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
        conn.close()
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_next_holder_finds_connection_as_new(make_data: MakeData, postgres_server: Postgres) -> None:
    pool = make_data({"max_size": 1, "timeout": 2.0}, main=postgres_server.url).pools["main"]
    conn = pool.getconn()
    changed: Any = conn
    changed.row_factory = dict_row
    changed.autocommit = True
    changed.read_only = True
    changed.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    conn.close()
    with pool.connection() as again:
        assert again is conn
        assert again.execute("SELECT 1").fetchone() == (1,)
        assert (again.autocommit, again.read_only, again.isolation_level) == (False, None, None)


def test_uncommitted_work_is_undone_on_return(make_data: MakeData, place: str) -> None:
    pool = make_data({"max_size": 1}, main=place).pools["main"]
    conn = pool.getconn()
    conn.execute("INSERT INTO t VALUES (1)")
    conn.close()
    with pool.connection() as conn:
        conn.execute("INSERT INTO t VALUES (2)")
    assert numbers(place) == [2]


def test_connection_in_use_is_not_passed_on(make_data: MakeData, postgres_server: Postgres) -> None:
    pool = make_data({"max_size": 1, "timeout": 3.0}, main=postgres_server.url).pools["main"]
    conn = pool.getconn()
    rows: Any = conn.cursor().stream("SELECT generate_series(1, 100000)")
    assert next(rows) == (1,)
    conn.close()
    with pool.connection() as other:
        assert other is not conn
        assert other.execute("SELECT 1").fetchone() == (1,)
    rows.close()


def test_exhausted_pool_says_so_in_time(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    data = make_data({"max_size": 1, "timeout": 0.3}, main=postgres_server.url)
    data.pools["main"].wait(10)
    with run(data, 500) as facts, facts.environ["wsgi_guard.pool"].connection():
        started = time.monotonic()
        with pytest.raises(psycopg_pool.PoolTimeout, match=r"'main' after 0\.30 sec"):
            facts.environ["wsgi_guard.pool"].getconn()
        assert 0.2 < time.monotonic() - started < 2.0
        assert isinstance(facts.noted, Outage)
        assert dict(facts.noted.headers)["Retry-After"] == "1"
        assert isinstance(facts.cause, psycopg_pool.PoolTimeout)
        assert str(facts.noted) == "pool 'main' is not available"


def test_too_long_a_queue_says_so(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    data = make_data({"max_size": 1, "max_waiting": 1, "timeout": 5.0}, main=postgres_server.url)
    pool = data.pools["main"]
    with ThreadPoolExecutor(1) as thread, run(data, 500) as facts:
        with pool.connection():
            waiting = thread.submit(pool.getconn)
            while not pool.get_stats()["requests_waiting"]:
                time.sleep(0.005)
            with pytest.raises(psycopg_pool.TooManyRequests):
                pool.getconn()
            assert isinstance(facts.noted, Outage)
        waiting.result(5).close()


def test_timeout_outside_a_request_just_raises(make_data: MakeData, postgres_server: Postgres) -> None:
    pool = make_data({"max_size": 1, "timeout": 0.2}, main=postgres_server.url).pools["main"]
    pool.wait(10)
    with pool.connection(), pytest.raises(psycopg_pool.PoolTimeout):
        pool.getconn()


def test_statement_errors_are_no_outage(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    data = make_data(main=postgres_server.url)
    with run(data, 500) as facts:
        with data.pools["main"].connection() as conn, pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("SELECT * FROM nowhere")
        assert facts.noted is None


def test_many_threads_share_few_connections(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data({"max_size": 4}, main=private_postgres.url).pools["main"]

    def work(number: int) -> int:
        with pool.connection() as conn:
            row = conn.execute("SELECT %s::int", [number]).fetchone()
        assert row is not None
        return int(row[0])

    with ThreadPoolExecutor(16) as threads:
        assert sorted(threads.map(work, range(400))) == list(range(400))
    assert 1 <= backends(private_postgres) <= 4
    assert backends(private_postgres, state="idle in transaction") == 0


def test_closed_pool_leaves_no_session(make_data: MakeData, private_postgres: Postgres) -> None:
    data = make_data({"min_size": 3}, main=private_postgres.url)
    data.pools["main"].wait(5)
    data.close()
    with pytest.raises(psycopg_pool.PoolClosed):
        data.pools["main"].getconn()
    private_postgres.stop()
