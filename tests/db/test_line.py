"""Calls of libpq with the interpreter kept in hand: the short wait, and what is told when something is wrong."""

from __future__ import annotations

import _ctypes
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from ctypes.util import find_library
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import pq

from tests.health.ticking import until
from tests.support.postgres import Postgres
from wsgi_guard.db.libpq import libpq, of_driver
from wsgi_guard.db.line import line
from wsgi_guard.db.patience import AGAIN, CROWDED, LEAST, MOST, ROW, Patience

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pgconn(postgres_server: Postgres) -> Iterator[Any]:
    with closing(psycopg.connect(postgres_server.url, autocommit=True)) as conn:
        yield conn.pgconn


def test_libpq_of_the_driver_is_found() -> None:
    assert pq.__impl__ != "python"
    assert libpq() is not None


def test_file_without_libpq_is_refused() -> None:
    with pytest.raises(AttributeError):
        of_driver(str(_ctypes.__file__))


BROUGHT = """
import ctypes, sys, threading
ctypes.CDLL(sys.argv[2], ctypes.RTLD_GLOBAL)
from wsgi_guard.db.libpq import libpq
from wsgi_guard.db.pool import Pool
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret
from psycopg import pq
pool, found = Pool("main", PoolSection(url=Secret(sys.argv[1]))), []
def work():
    with pool.connection() as conn:
        found.append(conn.execute("SELECT 1").fetchone())
thread = threading.Thread(target=work)
thread.start()
thread.join()
pool.close()
print(found, libpq(), pq.version())
"""


def test_libpq_that_the_process_brought_is_left_alone(postgres_server: Postgres) -> None:
    """As that of uWSGI with PostgreSQL, which then serves the driver: a connection of one is none of another."""
    other = find_library("pq")
    assert other is not None, "the server's packages bring a libpq"
    command = [sys.executable, "-c", BROUGHT, postgres_server.url, other]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[(1,)] None ")


LONG, SHORT = 2 * CROWDED, CROWDED / 2


def crowd(patience: Patience) -> None:
    """Usual waits until a short one is worth it."""
    for _ in range(MOST + ROW):
        if patience.short:
            return
        patience.took(LONG)
    raise AssertionError("never")


@given(st.lists(st.sampled_from([LONG, SHORT]), max_size=30))
def test_a_row_of_long_waits_is_what_makes_short_ones_worth_it(waits: list[float]) -> None:
    patience, row = Patience(), 0
    for seconds in waits:
        if patience.short:
            break
        patience.took(seconds)
        row = row + 1 if seconds == LONG else 0
        assert patience.short == (row >= ROW)


def test_after_many_short_waits_a_usual_one_shows_whether_threads_crowd() -> None:
    patience = Patience()
    for again in (LONG, SHORT):
        crowd(patience)
        for _ in range(AGAIN):
            assert patience.short
            patience.told(answered=True)
        assert not patience.short
        patience.took(again)
        assert patience.short == (again == LONG)
        patience.took(SHORT)


@given(st.lists(st.booleans(), max_size=60))
def test_waits_in_vain_are_passed_over_for_longer_each_time(answers: list[bool]) -> None:
    patience, skips = Patience(), LEAST
    crowd(patience)
    for answered in answers:
        assert patience.short
        patience.told(answered=answered)
        if answered:
            skips = max(LEAST, skips * 3 // 4)
            continue
        for _ in range(skips):
            patience.took(LONG)
            assert not patience.short
        patience.took(LONG)
        skips = min(2 * skips, MOST)


@pytest.mark.parametrize(("pattern", "share"), [("y", 0.99), ("yyyyyyyyyn", 0.7), ("yn", 0.02), ("n", 0.02)])
def test_share_of_waits_that_are_short(pattern: str, share: float) -> None:
    """Nearly all where answers come at once, most where most do, hardly any where every second one does not."""
    patience, tried = Patience(), 0
    for at in range(20_000):
        if patience.short:
            tried += 1
            patience.told(answered=pattern[at % len(pattern)] == "y")
        else:
            patience.took(LONG)
    assert (tried / 20_000 >= share) if share > 0.5 else (tried / 20_000 <= share)


def test_moment_is_short(pgconn: Any) -> None:
    near, patience = line(pgconn), Patience()
    assert near is not None
    near.send_query(b"SELECT pg_sleep(0.5)")
    pgconn.flush()
    crowd(patience)
    began = time.perf_counter()
    assert not near.answers(patience)
    assert time.perf_counter() - began < 0.4
    assert not patience.short


def test_moment_is_enough_for_what_is_there(pgconn: Any) -> None:
    near, patience = line(pgconn), Patience()
    assert near is not None
    near.send_query(b"SELECT 1")
    pgconn.flush()
    until(lambda: not near.is_silent())
    crowd(patience)
    assert near.answers(patience)
    assert patience.short


def test_silence_is_told_from_something_to_read(pgconn: Any) -> None:
    near = line(pgconn)
    assert near is not None
    assert near.is_silent()
    near.send_query(b"SELECT 1")
    until(lambda: not near.is_silent())
    pgconn.consume_input()
    assert not near.is_busy()
    assert pgconn.get_result().get_value(0, 0) == b"1"
    assert pgconn.get_result() is None


def test_end_of_the_connection_is_something_to_read(pgconn: Any, postgres_server: Postgres) -> None:
    near = line(pgconn)
    assert near is not None
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pgconn.backend_pid])
    assert not near.is_silent()


def test_connection_that_was_ended_sends_nothing(pgconn: Any) -> None:
    near = line(pgconn)
    assert near is not None
    pgconn.finish()
    assert not near.is_busy()
    assert near.notifies() is None
    refused = partial(pytest.raises, psycopg.OperationalError, match="sending .* failed")
    with refused():
        near.send_query(b"SELECT 1")
    with refused():
        near.send_plain(b"SELECT 1", 0)
    with refused():
        near.send_prepared(b"there", 0)
