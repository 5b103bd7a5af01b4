"""The request's transaction, and the functions for code without the environ."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import psycopg
import pytest

from tests.db.conftest import MakeData, Run, backends, numbers, told
from tests.health.ticking import until
from tests.support.postgres import Postgres
from wsgi_guard.db.layer import Data
from wsgi_guard.db.query import execute_query, get_db_connection
from wsgi_guard.errors import Outage
from wsgi_guard.layer import Head
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret


def add(number: int) -> None:
    execute_query("INSERT INTO t VALUES (%s)", [number])


@pytest.fixture
def data(make_data: MakeData, place: str) -> Data:
    return make_data({"max_size": 3, "timeout": 2.0}, main=place)


@pytest.mark.parametrize(("code", "expected"), [(200, [1, 2]), (404, [1, 2]), (499, [1, 2]), (500, []), (503, [])])
def test_status_decides_the_transaction(data: Data, run: Run, place: str, code: int, expected: list[int]) -> None:
    with run(data, code):
        add(1)
        get_db_connection().execute("INSERT INTO t VALUES (2)")
        assert numbers(place) == []
    assert numbers(place) == expected


def test_exception_undoes_the_transaction(data: Data, run: Run, place: str) -> None:
    with pytest.raises(KeyError), run(data):
        add(1)
        raise KeyError
    assert numbers(place) == []


def test_exc_info_undoes_the_transaction(data: Data, run: Run, place: str) -> None:
    with run(data) as facts:
        add(1)
        data.after(facts, Head("200 OK", [], (ValueError, ValueError(), None)))
    assert numbers(place) == []


def test_commit_is_seen_before_the_head_leaves(data: Data, run: Run, place: str) -> None:
    with run(data) as facts:
        add(1)
        data.after(facts, Head("200 OK", []))
        assert numbers(place) == [1]


def test_failed_commit_raises(data: Data, run: Run, place: str) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation), run(data) as facts:
        add(1)
        add(1)
    assert facts.noted is None
    assert numbers(place) == []
    assert execute_query("SELECT 1 AS one") == [{"one": 1}]


def test_connection_lost_in_commit_is_no_outage(make_data: MakeData, run: Run, private_postgres: Postgres) -> None:
    data = make_data(main=private_postgres.url)
    with pytest.raises(psycopg.OperationalError), run(data) as facts:
        get_db_connection().execute("SELECT 1")
        private_postgres.kill()
    assert facts.noted is None


def test_streaming_body_has_a_second_transaction(data: Data, run: Run, place: str) -> None:
    seen: list[list[int]] = []

    def stream() -> None:
        seen.append(numbers(place))
        add(2)
        seen.append(numbers(place))

    with run(data, stream=stream):
        add(1)
    assert seen == [[1], [1]]
    assert numbers(place) == [1, 2]


def test_broken_stream_undoes_the_second_only(data: Data, run: Run, place: str) -> None:
    def stream() -> None:
        add(2)
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), run(data, stream=stream):
        add(1)
    assert numbers(place) == [1]


def test_rows_streamed_over_the_head_do_not_block(data: Data, run: Run, place: str) -> None:
    streams: list[Iterator[Any]] = []

    def stream() -> None:
        assert sum(1 for _ in streams[0]) == 99_999

    with run(data, stream=stream):
        add(1)
        rows = get_db_connection().cursor().stream("SELECT generate_series(1, 100000)")
        next(rows)
        streams.append(rows)
    assert numbers(place) == [1]


def test_abandoned_rows_do_not_block_the_end(
    data: Data, run: Run, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    with run(data):
        add(1)
        rows: Any = get_db_connection().cursor().stream("SELECT generate_series(1, 100000)")
        next(rows)
    assert execute_query("SELECT 1 AS one") == [{"one": 1}]
    assert numbers(place) == []
    assert "ended at work in pool 'main'" in caplog.text
    rows.close()


def test_one_connection_for_the_whole_request(data: Data, run: Run) -> None:
    with run(data):
        first = get_db_connection()
        first.execute("SELECT 1")
        first.close()
        assert not first.closed
        assert get_db_connection() is first
        assert execute_query("SELECT pg_backend_pid() AS pid") == [{"pid": first.info.backend_pid}]


def test_threads_of_a_request_share_its_connection(data: Data, run: Run) -> None:
    with run(data):
        found: list[object] = []
        contexts = [copy_context() for _ in range(4)]
        threads = [
            threading.Thread(target=context.run, args=(lambda: found.append(get_db_connection()),))
            for context in contexts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert set(found) == {get_db_connection()}


def test_with_commits_nothing_in_a_request(data: Data, run: Run, place: str) -> None:
    with run(data, 500), get_db_connection() as conn:
        conn.execute("INSERT INTO t VALUES (1)")
    assert numbers(place) == []


def test_with_undoes_what_raised_in_a_request(data: Data, run: Run, place: str) -> None:
    with run(data):
        with pytest.raises(KeyError), get_db_connection() as conn:
            conn.execute("INSERT INTO t VALUES (1)")
            raise KeyError
        add(2)
    assert numbers(place) == [2]


def test_own_commit_and_savepoint_work(data: Data, run: Run, place: str) -> None:
    with run(data, 500):
        conn = get_db_connection()
        add(1)
        conn.commit()
        with pytest.raises(ZeroDivisionError), conn.transaction():
            add(2)
            raise ZeroDivisionError
        add(3)
    assert numbers(place) == [1]


def test_requests_leave_nothing_behind(make_data: MakeData, run: Run, private_postgres: Postgres) -> None:
    data = make_data({"max_size": 2, "timeout": 2.0}, main=private_postgres.url)
    for number in range(12):
        with run(data, 500 if number % 3 else 200):
            changed: Any = get_db_connection()
            changed.autocommit = number % 2 == 0
            changed.execute("SELECT 1")
    assert backends(private_postgres) <= 2
    assert backends(private_postgres, state="idle in transaction") == 0
    with run(data):
        assert get_db_connection().autocommit is False


def test_request_without_database_takes_nothing(data: Data, run: Run) -> None:
    with run(data) as facts:
        assert not data.pools.holds(facts)
    assert data.pools["main"].get_stats().get("requests_num", 0) == 0


def test_outside_a_request_each_call_commits(data: Data, place: str, caplog: pytest.LogCaptureFixture) -> None:
    add(1)
    assert numbers(place) == [1]
    with get_db_connection() as conn:
        conn.execute("INSERT INTO t VALUES (2)")
    with pytest.raises(KeyError), get_db_connection() as conn:
        conn.execute("INSERT INTO t VALUES (3)")
        raise KeyError
    conn = get_db_connection()
    conn.execute("INSERT INTO t VALUES (4)")
    conn.close()
    assert execute_query("SELECT n FROM t ORDER BY n") == [{"n": 1}, {"n": 2}]
    assert told(caplog) == []
    stats = data.pools["main"].get_stats
    # It may be growing still.
    until(lambda: (now := stats())["pool_available"] == now["pool_size"])


def test_broken_connection_outside_is_given_back(data: Data) -> None:
    for _ in range(4):
        with pytest.raises(psycopg.OperationalError), get_db_connection() as conn:
            conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert execute_query("SELECT 1 AS one") == [{"one": 1}]


def test_parameters_are_bound_never_formatted(data: Data) -> None:
    evil = "'; DROP TABLE users; --"
    assert execute_query("SELECT %(s)s AS said, %(n)s AS n", {"s": evil, "n": 3}) == [{"said": evil, "n": 3}]
    assert execute_query("SELECT '100%' AS text") == [{"text": "100%"}]


def test_pool_by_name_and_unknown_name(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    # Guards that other tests left behind would be known here.
    gc.collect()
    data = make_data(main=postgres_server.url, training=f"{postgres_server.url}?application_name=other")
    named = "SELECT current_setting('application_name') AS name"
    assert execute_query(named, pool="training") == [{"name": "other"}]
    with run(data):
        assert execute_query(named, pool="training") == [{"name": "other"}]
        assert get_db_connection("training") is not get_db_connection()
        with pytest.raises(RuntimeError, match=r"no pool 'mian' is configured, only 'main', 'training'"):
            execute_query("SELECT 1", pool="mian")


def test_guard_built_last_counts_outside(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    named = "SELECT current_setting('application_name') AS name"
    older = make_data(main=f"{postgres_server.url}?application_name=older")
    newer = make_data(main=f"{postgres_server.url}?application_name=newer")
    assert execute_query(named) == [{"name": "newer"}]
    with run(older):
        assert execute_query(named) == [{"name": "older"}]
    with run(newer):
        assert execute_query(named) == [{"name": "newer"}]


def test_two_pools_both_commit(make_data: MakeData, run: Run, place: str) -> None:
    both = make_data(main=place, other=place)
    insert = "INSERT INTO t VALUES (%s)"
    with run(both):
        execute_query(insert, [1])
        execute_query(insert, [2], pool="other")
    assert numbers(place) == [1, 2]
    with pytest.raises(psycopg.errors.UniqueViolation), run(both):
        execute_query(insert, [1])
        execute_query(insert, [3], pool="other")
    assert numbers(place) == [1, 2]


def test_exhausted_pool_reaches_the_caller(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    data = make_data({"max_size": 1, "timeout": 0.3}, main=postgres_server.url)
    data.pools["main"].wait(10)
    with data.pools["main"].connection(), run(data, 500) as facts:
        with pytest.raises(psycopg.OperationalError):
            execute_query("SELECT 1")
        assert isinstance(facts.noted, Outage)


def test_no_guard_means_a_clear_error() -> None:
    code = (
        "from wsgi_guard.db.query import execute_query\n"
        "try:\n    execute_query('SELECT 1')\n"
        "except RuntimeError as error:\n    print(error)\n"
        "import sys\nassert 'psycopg' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no pool is configured" in done.stdout


def test_pools_of_a_discarded_guard_are_forgotten(make_data: MakeData, postgres_server: Postgres) -> None:
    named = "SELECT current_setting('application_name') AS name"
    make_data(main=f"{postgres_server.url}?application_name=stays")
    newest = Data({"main": PoolSection(url=Secret(f"{postgres_server.url}?application_name=goes"))})
    assert execute_query(named) == [{"name": "goes"}]
    newest.close()
    del newest
    gc.collect()
    assert execute_query(named) == [{"name": "stays"}]


def test_pool_of_a_discarded_guard_says_why_it_is_gone(make_data: MakeData, postgres_server: Postgres) -> None:
    make_data(main=postgres_server.url)
    Data({"lost": PoolSection(url=Secret(postgres_server.url))})
    gc.collect()
    with pytest.raises(RuntimeError, match="the guard that had the pool 'lost' is gone, for nothing refers to it"):
        execute_query("SELECT 1", pool="lost")
