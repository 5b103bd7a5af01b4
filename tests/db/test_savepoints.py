"""`with conn.transaction()`: a savepoint of the request's transaction, whatever stands before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from wsgi_guard import get_db_connection

from .conftest import MakeData, Run, numbers

Block = Callable[[Any], None]


def insert(conn: Any, number: int) -> None:
    conn.execute("INSERT INTO t VALUES (%s)", [number])


def first(conn: Any) -> None:
    with conn.transaction():
        insert(conn, 1)


def named(conn: Any) -> None:
    with conn.transaction("mine") as block:
        assert block.savepoint_name == "mine"
        insert(conn, 1)


def nested(conn: Any) -> None:
    with conn.transaction(), conn.transaction():
        insert(conn, 1)


def undone_within(conn: Any) -> None:
    with conn.transaction():
        insert(conn, 1)
        with conn.transaction(force_rollback=True):
            insert(conn, 2)
        with conn.transaction("again") as block:
            insert(conn, 3)
            raise psycopg.Rollback(block)


def undone_before(conn: Any) -> None:
    with conn.transaction(force_rollback=True):
        insert(conn, 2)
    insert(conn, 1)


def failed_before(conn: Any) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), conn.transaction():
        insert(conn, 2)
        conn.execute("INSERT INTO nowhere VALUES (1)")
    insert(conn, 1)


def piped(conn: Any) -> None:
    with conn.pipeline(), conn.transaction():
        insert(conn, 1)


def pipe_within(conn: Any) -> None:
    with conn.transaction(), conn.pipeline():
        insert(conn, 1)


def after_commit(conn: Any) -> None:
    conn.execute("SELECT 1")
    conn.commit()
    with conn.transaction():
        insert(conn, 1)


BLOCKS: list[Block] = [
    first, named, nested, undone_within, undone_before, failed_before, piped, pipe_within, after_commit,
]  # fmt: skip


def test_table_is_whole() -> None:
    assert len(BLOCKS) == 9


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("code", "expected"), [(200, [1]), (500, [])])
def test_status_decides_after_a_block(
    make_data: MakeData, place: str, run: Run, block: Block, code: int, expected: list[int]
) -> None:
    with run(make_data(main=place), code) as facts:
        block(facts.environ["wsgi_guard.db"]())
        assert numbers(place) == []
    assert numbers(place) == expected


@pytest.mark.parametrize("block", BLOCKS)
def test_exception_undoes_a_block(make_data: MakeData, place: str, run: Run, block: Block) -> None:
    with pytest.raises(KeyError), run(make_data(main=place)):
        block(get_db_connection())
        raise KeyError
    assert numbers(place) == []


def test_stream_has_savepoints_too(make_data: MakeData, place: str, run: Run) -> None:
    seen: list[list[int]] = []

    def stream() -> None:
        first(get_db_connection())
        seen.append(numbers(place))

    with run(make_data(main=place), stream=stream):
        get_db_connection().execute("SELECT 1")
    assert seen == [[]]
    assert numbers(place) == [1]


def test_in_autocommit_it_is_the_transaction(make_data: MakeData, place: str, run: Run) -> None:
    with run(make_data(main=place), 500) as facts:
        conn = facts.environ["wsgi_guard.db"]()
        conn.autocommit = True
        first(conn)
        assert numbers(place) == [1]


def test_plain_connection_has_transactions(make_data: MakeData, place: str, run: Run) -> None:
    with run(make_data(main=place), 500) as facts, facts.environ["wsgi_guard.pool"].connection() as conn:
        first(conn)
        assert numbers(place) == [1]


def test_outside_requests_it_is_the_transaction(make_data: MakeData, place: str) -> None:
    make_data(main=place)
    conn = get_db_connection()
    first(conn)
    assert numbers(place) == [1]
    conn.close()


def goes_on(conn: Any) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        conn.execute("SELECT n FROM nowhere")


def fails_within(conn: Any) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), conn.transaction():
        insert(conn, 2)
        conn.execute("INSERT INTO nowhere VALUES (1)")


def taken_back(conn: Any) -> None:
    with conn.transaction() as block:
        insert(conn, 2)
        raise psycopg.Rollback(block)


def forced(conn: Any) -> None:
    with conn.transaction(force_rollback=True):
        insert(conn, 2)


UNDONE: list[Block] = [fails_within, taken_back, forced]
KEPT: list[Block] = [first, named, nested, undone_within]


@pytest.mark.parametrize("block", UNDONE)
def test_what_a_savepoint_took_back_is_not_lost(make_data: MakeData, place: str, run: Run, block: Block) -> None:
    with run(make_data(main=place)) as facts:
        block(facts.environ["wsgi_guard.db"]())
        goes_on(facts.environ["wsgi_guard.db"]())
    assert numbers(place) == []
    assert (len(UNDONE), len(KEPT)) == (3, 4)


@pytest.mark.parametrize("block", KEPT)
def test_what_a_savepoint_kept_is_lost_by_a_later_error(
    make_data: MakeData, place: str, run: Run, block: Block
) -> None:
    with pytest.raises(psycopg.errors.InFailedSqlTransaction), run(make_data(main=place)) as facts:
        block(facts.environ["wsgi_guard.db"]())
        goes_on(facts.environ["wsgi_guard.db"]())
    assert numbers(place) == []


@pytest.mark.parametrize("block", UNDONE)
def test_writes_before_a_savepoint_stay_written(make_data: MakeData, place: str, run: Run, block: Block) -> None:
    with pytest.raises(psycopg.errors.InFailedSqlTransaction), run(make_data(main=place)) as facts:
        conn = facts.environ["wsgi_guard.db"]()
        insert(conn, 1)
        block(conn)
        goes_on(conn)
