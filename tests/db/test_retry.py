"""Work that runs again after a passing failure, and work that must not."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import psycopg_pool
import pytest

from tests.db.conftest import MakeData, Run, numbers
from tests.support.postgres import Postgres
from wsgi_guard import execute_query, get_db_connection, retry_transient
from wsgi_guard.db import decide

PASSES = ["40001", "40P01", "57P01", "57P02", "57P03", "53300", "08006", "08000"]
STAYS = ["23505", "42P01", "57014", "25006", "53100", "22012", None]


@pytest.mark.parametrize("code", PASSES)
def test_passing_failures(code: str) -> None:
    assert decide.transient(code, closed=False)


@pytest.mark.parametrize("code", STAYS)
def test_lasting_failures(code: str | None) -> None:
    assert not decide.transient(code, closed=False)


def test_pause_grows_to_its_bound_with_jitter() -> None:
    pauses = [decide.pause(attempt, 0.0, first=0.05, longest=1.0) for attempt in range(1, 50)]
    assert pauses[:4] == [0.05, 0.1, 0.2, 0.4]
    assert max(pauses) == 1.0
    assert decide.pause(1, 1.0, first=0.05, longest=1.0) == 0.025
    assert (len(PASSES), len(STAYS)) == (8, 7)


def test_conflicting_transactions_all_succeed(make_data: MakeData, place: str) -> None:
    make_data({"max_size": 4}, main=place)
    execute_query("INSERT INTO t VALUES (0)")
    meet, runs = Barrier(4), []

    @retry_transient(attempts=8, first=0.01)
    def increase() -> None:
        runs.append(1)
        with get_db_connection() as conn:
            conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            row = conn.execute("SELECT n FROM t").fetchone()
            if len(runs) <= 4:
                meet.wait(5)
            assert row is not None
            conn.execute("UPDATE t SET n = %s", [row[0] + 1])

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(increase) for _ in range(4)]:
            done.result(20)
    assert numbers(place) == [4]
    assert len(runs) > 4


def test_lost_connection_is_replaced_in_a_request(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    data = make_data({"timeout": 3.0}, main=private_postgres.url)
    runs = []

    @retry_transient
    def ask() -> int:
        runs.append(1)
        conn = get_db_connection()
        if len(runs) == 1:
            with psycopg.connect(private_postgres.admin_url) as admin:
                admin.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        row = conn.execute("SELECT 7").fetchone()
        assert row is not None
        return int(row[0])

    with run(data, 500) as facts:
        assert ask() == 7
        assert facts.noted is None
    assert len(runs) == 2
    assert len(data.pools["main"].watch.holders) == 0


def test_begun_transaction_is_not_run_again(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    data = make_data({"timeout": 3.0}, main=private_postgres.url)
    runs = []

    @retry_transient
    def lose() -> None:
        runs.append(1)
        execute_query("SELECT pg_terminate_backend(pg_backend_pid())")

    with run(data, 500):
        execute_query("SELECT 'written before'")
        with pytest.raises(psycopg.OperationalError):
            lose()
    assert len(runs) == 1


def test_last_failure_is_raised_after_all_attempts(make_data: MakeData, place: str) -> None:
    make_data(main=place)
    runs = []

    @retry_transient(attempts=3, first=0.01)
    def fails() -> None:
        runs.append(1)
        raise psycopg.errors.DeadlockDetected("again")

    with pytest.raises(psycopg.errors.DeadlockDetected):
        fails()
    assert len(runs) == 3


@pytest.mark.parametrize("error", [psycopg.errors.UniqueViolation, psycopg_pool.PoolTimeout, KeyError])
def test_other_errors_are_not_run_again(error: type[Exception]) -> None:
    runs = []

    @retry_transient
    def fails() -> None:
        runs.append(1)
        raise error("no")

    with pytest.raises(error):
        fails()
    assert len(runs) == 1


def test_starting_server_is_waited_for(make_data: MakeData, private_postgres: Postgres) -> None:
    make_data({"timeout": 5.0}, main=private_postgres.url)
    execute_query("SELECT 1")
    started = time.monotonic()
    with ThreadPoolExecutor(1) as thread:
        restart = thread.submit(private_postgres.restart)
        while not restart.done():
            retry_transient(attempts=6)(lambda: execute_query("SELECT 1"))()
        restart.result()
    assert time.monotonic() - started < 15


def test_attempts_must_be_one_or_more() -> None:
    with pytest.raises(ValueError, match="attempts must be 1 or more"):
        retry_transient(attempts=0)
