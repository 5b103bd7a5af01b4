"""Calls of libpq with the interpreter kept in hand: the short wait, and what is told when something is wrong."""

from __future__ import annotations

import _ctypes
import os
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import pq

from tests.support.postgres import Postgres
from wsgi_guard.db.libpq import Libpq, libpq
from wsgi_guard.db.line import LEAST, MOST, Line, line


class Near(NamedTuple):
    """As much of a driver's connection as the short wait asks for."""

    socket: int


@pytest.fixture
def pgconn(postgres_server: Postgres) -> Iterator[Any]:
    with psycopg.connect(postgres_server.url, autocommit=True) as conn:
        yield conn.pgconn


def test_libpq_of_the_driver_is_found() -> None:
    assert pq.__impl__ != "python"
    assert libpq() is not None


def test_file_without_libpq_is_refused() -> None:
    with pytest.raises(AttributeError):
        Libpq(str(_ctypes.__file__))


@given(st.lists(st.booleans(), max_size=14))
def test_waits_in_vain_are_given_up_for_longer_each_time(answers: list[bool]) -> None:
    """What is not looked at is there: only the number of looks says what a wait did."""
    library = libpq()
    assert library is not None
    read, write = os.pipe()
    try:
        near, skips = Line(library, Near(read)), LEAST  # type: ignore[arg-type]
        for there in answers:
            if there:
                os.write(write, b"x")
                assert near.answers()
                skips = LEAST
            else:
                assert not near.answers()
                os.write(write, b"x")
                assert not any(near.answers() for _ in range(skips))
                skips = min(2 * skips, MOST)
            os.read(read, 1)
    finally:
        os.close(read)
        os.close(write)


def test_silence_is_told_from_something_to_read(pgconn: Any) -> None:
    near = line(pgconn)
    assert near is not None
    assert near.is_silent()
    near.send_query(b"SELECT 1")
    while near.is_silent():
        pass
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
    refused = partial(pytest.raises, psycopg.OperationalError, match="sending query failed")
    with refused():
        near.send_query(b"SELECT 1")
    with refused():
        near.send_plain(b"SELECT 1", 0)
    with refused():
        near.send_prepared(b"there", 0)
