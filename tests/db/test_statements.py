"""What is seen of statements: counted, timed by shape, told when they are slow or repeat, with the line that asked."""

from __future__ import annotations

import logging
import re
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.db.conftest import MakeData, Run, told
from tests.health.ticking import until
from tests.support.postgres import Postgres
from wsgi_guard.db.layer import Data
from wsgi_guard.db.tally import BEYOND, BOUNDS, SHAPES, Tally
from wsgi_guard.facts import Facts


@pytest.fixture
def data(make_data: MakeData, place: str) -> Data:
    return make_data({"max_size": 2, "slow_query": 0.15}, main=place)


def counted(data: Data) -> dict[str, int]:
    return {each.text: each.times.number for each in data.pools["main"].watch.tally.shapes()}


def connection(facts: Facts) -> Any:
    return facts.environ["wsgi_guard.db"]()


def test_every_way_to_run_a_statement_is_counted(data: Data, run: Run) -> None:
    with run(data) as facts:
        conn = connection(facts)
        conn.execute("SELECT 1")
        conn.execute(b"SELECT 'bytes'")
        conn.execute(sql.SQL("SELECT {} AS {}").format(sql.Literal("x"), sql.Identifier("composed")))
        conn.cursor().executemany("INSERT INTO t VALUES (%s)", [(1,), (2,), (3,)])
        with conn.cursor().copy("COPY t FROM STDIN") as copy:
            copy.write_row((4,))
        assert len(list(conn.cursor().stream("SELECT n FROM t"))) == 4
        with conn.cursor("named") as cursor:
            cursor.execute("SELECT n, 'server' FROM t")
            assert len(cursor.fetchmany(2)) + len(list(cursor)) == 4
        with conn.pipeline():
            conn.execute("SELECT 'piped', 1")
        conn.cursor_factory = psycopg.ClientCursor
        assert isinstance(conn.cursor(), psycopg.ClientCursor)
        assert conn.execute("SELECT %s AS client", ["it"]).fetchone() == ("it",)
        assert facts.db_queries == 9
        assert facts.db_seconds > 0
    assert counted(data) == {
        "SELECT ?": 2, 'SELECT ? AS "composed"': 1, "INSERT INTO t VALUES (%s)": 1, "COPY t FROM STDIN": 1,
        "SELECT n FROM t": 1, "SELECT n, ? FROM t": 1, "SELECT ?, ..": 1, "SELECT %s AS client": 1,
    }  # fmt: skip
    rows = {each.text: each.rows for each in data.pools["main"].watch.tally.shapes()}
    assert (rows["SELECT n FROM t"], rows["SELECT n, ? FROM t"], rows["INSERT INTO t VALUES (%s)"]) == (4, 4, 3)


def test_next_holder_finds_the_usual_cursors(data: Data, run: Run) -> None:
    for factory in (psycopg.ClientCursor, psycopg.Cursor):
        with run(data) as facts:
            conn = connection(facts)
            assert not isinstance(conn.cursor(), psycopg.ClientCursor)
            conn.cursor_factory = factory


def test_failed_statement_is_an_error_of_its_shape(data: Data, run: Run) -> None:
    with run(data) as facts, pytest.raises(psycopg.errors.UndefinedTable):
        connection(facts).execute("SELECT * FROM nowhere WHERE a = 'secret'")
    (found,) = data.pools["main"].watch.tally.shapes()
    assert (found.text, found.errors, found.times.number) == ("SELECT * FROM nowhere WHERE a = ?", 1, 1)


def test_slow_statement_is_told_without_values(data: Data, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with run(data) as facts:
        connection(facts).execute("SELECT pg_sleep(%s), 'literal'", [0.2])
    (line,) = [record for record in caplog.records if record.name == "wsgi_guard.db"]
    said = line.getMessage()
    assert line.levelno == logging.WARNING
    assert facts.request_id in said
    assert f"{__file__}:" in said
    assert "test_slow_statement_is_told_without_values" in said
    assert "SELECT pg_sleep(%s), ?" in said
    assert "1 rows" in said
    assert "literal" not in said
    assert "0.2" not in said


def test_slow_statements_cannot_flood_the_log(
    make_data: MakeData, place: str, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    data = make_data({"slow_query": 0.000001, "repeated_query": 0}, main=place)
    with run(data) as facts:
        for _ in range(200):
            connection(facts).execute("SELECT 1")
    assert 0 < len(told(caplog)) < 60
    # The rest is told as a number, of the last burst too, though no line of its kind comes any more.
    assert lines_told(caplog) < 200
    until(lambda: lines_told(caplog) + left_out(caplog) == 200)


def test_exhaustion_left_out_of_the_log_is_told_at_the_end(
    make_data: MakeData, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = make_data({"max_size": 1}, main=place)
    pool = data.pools["main"]
    with pool.connection():
        for _ in range(60):
            with pytest.raises(psycopg.OperationalError):
                pool.getconn(0.001)
    data.close()
    assert (lines_told(caplog) + left_out(caplog), lines_told(caplog) < 60) == (60, True)


def lines_told(caplog: pytest.LogCaptureFixture) -> int:
    return sum("slow statement in" in line or "couldn't get a connection" in line for line in told(caplog))


def left_out(caplog: pytest.LogCaptureFixture) -> int:
    found = re.findall(r"(\d+) lines (?:about slow statements or waits in vain )?left out", "\n".join(told(caplog)))
    return sum(map(int, found))


def test_repeated_statement_is_told_once_with_its_line(
    data: Data, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with run(data) as facts:
        for number in range(10):
            connection(facts).execute("SELECT n FROM t WHERE n = %s", [number])
        assert told(caplog) == []
        for number in range(20):
            connection(facts).execute(f"SELECT n FROM t WHERE n = {number}")  # noqa: S608  (literals in the text)
    (line,) = told(caplog)
    assert "more than 10 times" in line
    assert facts.request_id in line
    assert f"{__file__}:" in line
    with run(data) as facts:
        connection(facts).execute("SELECT n FROM t WHERE n = 1")
    assert len(told(caplog)) == 1
    assert data.pools["main"].watch.tally.totals().repeated == 1


def test_shapes_are_bounded() -> None:
    tally = Tally()
    for number in range(SHAPES * 3):
        tally.add(tally.shape(f"SELECT a{number}", None), 0.001, 1)
    tally.add(tally.shape("UPDATE t SET n = 1", None), 0.001, 1)
    found = {each.text: each for each in tally.shapes()}
    assert len(found) == SHAPES + 2
    assert found[BEYOND[False]].times.number == SHAPES * 2
    assert not found[BEYOND[False]].writes
    assert found[BEYOND[True]].writes
    assert tally.totals().times.number == SHAPES * 3 + 1


def test_texts_that_differ_far_behind_are_taken_to_write() -> None:
    tally, long = Tally(), f"WITH a AS (SELECT {' + '.join('x' * 600)})"
    assert not tally.shape(f"{long} SELECT 1", None).writes
    assert tally.shape(f"{long} INSERT INTO t SELECT 1", None).writes


def test_percentiles_and_buckets_come_from_one_count() -> None:
    tally = Tally()
    found = tally.shape("SELECT 1", None)
    for number in range(1, 1001):
        tally.add(found, number / 1000, 1)
    times = found.times
    for share in (0.5, 0.95, 0.99):
        assert share <= times.quantile(share) <= share * 1.3
    assert times.quantile(1.0) == 1.0
    assert tally.shape("SELECT 2", None) is found
    buckets = tally.totals().times.buckets()
    assert sum(buckets.counts) == 1000
    assert sum(buckets.counts[: BOUNDS.index(0.1) + 1]) == 100
    assert buckets.total == pytest.approx(500.5)


def test_request_comment_reaches_the_server(make_data: MakeData, postgres_server: Postgres, run: Run) -> None:
    data = make_data({"request_comment": True}, main=postgres_server.url)
    ask = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    with run(data) as facts:
        conn = connection(facts)
        mark = f"/* request_id={facts.request_id} */ "
        assert conn.execute(ask).fetchone() == (mark + ask,)
        assert conn.execute(ask.encode()).fetchone() == (mark + ask,)
        assert conn.execute(sql.SQL("SELECT {}").format(1)).fetchone() == (1,)
        for _ in range(10):
            conn.execute(ask)
        assert conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    with data.pools["main"].connection() as plain:
        assert plain.execute(ask).fetchone() == (ask,)
    assert "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()" in counted(data)
