"""BEGIN that goes with the first statement: the same outcome as psycopg's own, in one trip less."""

from __future__ import annotations

import os
import select
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel, sql
from psycopg.adapt import Dumper

from tests.health.ticking import until
from tests.support.postgres import Postgres
from wsgi_guard.db import together
from wsgi_guard.db.patience import Patience
from wsgi_guard.db.pool import Pool
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret

from .conftest import numbers

Case = Callable[[psycopg.Connection[Any]], Any]


def isolated(conn: psycopg.Connection[Any]) -> Any:
    conn.isolation_level = IsolationLevel.SERIALIZABLE
    conn.deferrable = True
    return conn.execute("SELECT current_setting('transaction_isolation')").fetchone()


def read_only(conn: psycopg.Connection[Any]) -> Any:
    conn.read_only = True
    return conn.execute("INSERT INTO t VALUES (1)")


def of_an_unclean_mind(conn: psycopg.Connection[Any]) -> Any:
    with conn.cursor() as cursor:
        cursor.execute("SELECT 1")
    conn.rollback()
    return cursor.execute("SELECT 2")


def twice(conn: psycopg.Connection[Any]) -> Any:
    found = conn.execute("SELECT now()").fetchone()
    return conn.execute("SELECT now()").fetchone() == found


def often(conn: psycopg.Connection[Any]) -> Any:
    found = []
    for number in range(9):
        found.append(conn.execute("SELECT %s::int + 1", (number,)).fetchone())
        conn.commit()
    names = conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    return found, names


def at_once(conn: psycopg.Connection[Any]) -> Any:
    return conn.execute("SELECT %s::int", (5,), prepare=True).fetchone()


def nested(conn: psycopg.Connection[Any]) -> Any:
    conn.execute("INSERT INTO t VALUES (1)")
    with conn.transaction():
        return conn.execute("SELECT n FROM t").fetchall()


def outermost(conn: psycopg.Connection[Any]) -> Any:
    with conn.transaction():
        return conn.execute("SELECT n FROM t").fetchall()


def piped(conn: psycopg.Connection[Any]) -> Any:
    with conn.pipeline():
        first, second = conn.execute("SELECT 1"), conn.execute("SELECT 2")
        return first.fetchone(), second.fetchone()


def told(conn: psycopg.Connection[Any]) -> Any:
    cursor = conn.execute("INSERT INTO t VALUES (1), (2)")
    return cursor.rowcount, cursor.statusmessage, cursor.description, cursor.nextset()


def in_binary(conn: psycopg.Connection[Any]) -> Any:
    cursor = conn.execute("SELECT 258::int4", binary=True)
    assert cursor.pgresult is not None
    return cursor.fetchone(), cursor.pgresult.get_value(0, 0)


def again(conn: psycopg.Connection[Any]) -> Any:
    cursor, found = conn.cursor(), []
    for _ in range(3):
        found.append(cursor.execute("SELECT 1 AS a").fetchall())
        conn.commit()
    return found


def dumped_wrongly(conn: psycopg.Connection[Any]) -> Any:
    class Wrong(Dumper):
        def dump(self, obj: Any) -> Any:
            return 5

    conn.adapters.register_dumper(complex, Wrong)
    return conn.execute("SELECT %s::text", (1j,))


def run(query: Any, params: Any = None) -> Case:
    def case(conn: psycopg.Connection[Any]) -> Any:
        cursor = conn.execute(query, params)
        return cursor.fetchall() if cursor.description else cursor.statusmessage

    return case


def notified(conn: psycopg.Connection[Any]) -> Any:
    conn.execute("LISTEN news")
    conn.commit()
    conn.execute("SELECT pg_notify('news', 'own')")
    conn.commit()
    return [(news.channel, news.payload) for news in conn.notifies(timeout=5.0, stop_after=1)]


def heard(conn: psycopg.Connection[Any]) -> Any:
    found: list[Any] = []
    conn.add_notify_handler(lambda news: found.append(news.payload))
    conn.execute("LISTEN news")
    conn.commit()
    conn.execute("SELECT pg_notify('news', 'own')")
    conn.commit()
    return found


def checked_late(conn: psycopg.Connection[Any]) -> Any:
    conn.execute("CREATE TABLE IF NOT EXISTS late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    conn.execute("INSERT INTO late VALUES (1), (1)")
    conn.commit()


def rolled_back(conn: psycopg.Connection[Any]) -> Any:
    conn.execute("INSERT INTO t VALUES (1)")
    conn.rollback()
    return conn.execute("SELECT n FROM t").fetchall()


def saved(conn: psycopg.Connection[Any]) -> Any:
    with conn.transaction(force_rollback=True):
        conn.execute("INSERT INTO t VALUES (1)")
        with conn.transaction("inner", force_rollback=True):
            conn.execute("INSERT INTO t VALUES (2)")
        return conn.execute("SELECT n FROM t").fetchall()


def later(case: Case) -> Case:
    """The case in a transaction that has begun."""

    def both(conn: psycopg.Connection[Any]) -> Any:
        conn.execute("SELECT 1")
        return case(conn)

    return both


def own(case: Case) -> Case:
    """The case in transactions of the statements' own."""

    def alone(conn: psycopg.Connection[Any]) -> Any:
        conn.autocommit = True
        try:
            return case(conn)
        finally:
            conn.execute("DELETE FROM t; DROP TABLE IF EXISTS one")
            conn.autocommit = False

    return alone


def all_pieces(conn: psycopg.Connection[Any]) -> Any:
    cursor, found = conn.execute("SELECT 1; SELECT 2 AS b; UPDATE t SET n = 2"), []
    while True:
        found.append((cursor.statusmessage, cursor.fetchall() if cursor.description else None))
        if not cursor.nextset():
            return found


def copied(conn: psycopg.Connection[Any]) -> Any:
    with conn.cursor() as cursor:
        with cursor.copy("COPY t FROM STDIN") as copy:
            copy.write_row((1,))
            copy.write_row((2,))
        with cursor.copy("COPY (SELECT n FROM t ORDER BY n) TO STDOUT") as copy:
            return [bytes(block) for block in copy], cursor.rowcount


def many(conn: psycopg.Connection[Any]) -> Any:
    with conn.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s) RETURNING n + 1", [(1,), (2,), (3,)], returning=True)
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        return found


def by_cursor(conn: psycopg.Connection[Any]) -> Any:
    with conn.cursor("there") as cursor:
        cursor.execute("SELECT generate_series(1, 250)")
        return cursor.fetchmany(2), len(cursor.fetchall())


def streamed(conn: psycopg.Connection[Any]) -> Any:
    return list(conn.cursor().stream("SELECT generate_series(1, 5)"))


def remarked(conn: psycopg.Connection[Any]) -> Any:
    found: list[Any] = []
    conn.add_notice_handler(lambda notice: found.append(notice.message_primary))
    conn.execute("DO $$ BEGIN RAISE NOTICE 'by the way'; END $$")
    return found


def violated(conn: psycopg.Connection[Any]) -> Any:
    conn.execute("CREATE TABLE one (n int CONSTRAINT only_one UNIQUE)")
    conn.execute("INSERT INTO one VALUES (%s)", (1,))
    conn.execute("INSERT INTO one VALUES (%s)", (1,))


def heard_at_once(conn: psycopg.Connection[Any]) -> Any:
    """What came while nothing was asked comes with the next statement."""
    found: list[Any] = []
    conn.add_notify_handler(lambda news: found.append(news.payload))
    conn.execute("LISTEN news")
    conn.commit()
    with psycopg.connect(conn.info.dsn, autocommit=True) as other:
        other.execute("NOTIFY news, 'from afar'")
    assert select.select([conn.fileno()], [], [], 10.0)[0]
    conn.execute("SELECT 1")
    # As it is now: a later command may add to it.
    return list(found)


def few_prepared(conn: psycopg.Connection[Any]) -> Any:
    conn.prepared_max = 2
    for number in range(4):
        conn.execute(f"SELECT {number}, %s::int", (1,), prepare=True)
    return conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()


def failed_when_prepared(conn: psycopg.Connection[Any]) -> Any:
    for number in (1, 1, 0):
        conn.execute("SELECT 1 / %s::int", (number,), prepare=True)


def asked(conn: psycopg.Connection[Any]) -> Any:
    query = conn.execute("SELECT 1")._query
    return query is not None and query.query


LARGE = "SELECT n, repeat('x', 100) FROM generate_series(1, 20000) AS n"
LATER: dict[str, Case] = {
    "row": run("SELECT 1 AS a"),
    "values": run("SELECT %s::text, %s::int", ("a;b", 3)),
    "pieces": all_pieces,
    "binary": in_binary,
    "large": run(LARGE),
    "slow": run("SELECT pg_sleep(0.01), 5"),
    "division": run("SELECT 1 / 0"),
    "syntax": run("SELECT 1 FROM FROM"),
    "empty": run(""),
    "violated": violated,
    "copied": copied,
    "many": many,
    "by cursor": by_cursor,
    "streamed": streamed,
    "remarked": remarked,
    "often": often,
    "at once": at_once,
    "again": again,
    "nested": nested,
    "piped": piped,
    "heard": heard,
    "few prepared": few_prepared,
    "failed when prepared": failed_when_prepared,
    "asked": asked,
    "too many values": run(f"SELECT {','.join(['%s'] * 70000)}", [1] * 70000),
}
CASES: dict[str, Case] = {
    **{f"{name}, later": later(case) for name, case in LATER.items()},
    **{f"{name}, alone": own(case) for name, case in LATER.items() if case is not by_cursor},
    "large": run(LARGE),
    "slow": run("SELECT pg_sleep(0.01), 5"),
    "copied": copied,
    "many": many,
    "by cursor": by_cursor,
    "streamed": streamed,
    "row": run("SELECT 1"),
    "no row": run("SELECT 1 WHERE false"),
    "end": run("  SELECT 1 ; \n"),
    "values": run("SELECT %s::text, %s::int", ("a;b", 3)),
    "named": run("SELECT %(a)s::int", {"a": 3}),
    "two statements": run("SELECT 1; SELECT 2"),
    "semicolon in a literal": run("SELECT 'a;b'"),
    "comment": run("/* SELECT */ SELECT 1"),
    "composed": run(sql.SQL("SELECT {}").format(1)),
    "bytes": run(b"SELECT 1"),
    "written": run("INSERT INTO t VALUES (1)"),
    "updated": run("UPDATE t SET n = 2"),
    "deleted": run("delete from t"),
    "with": run("WITH a AS (INSERT INTO t VALUES (3) RETURNING n) SELECT * FROM a"),
    "table": run("CREATE TABLE u (n int)"),
    "set": run("SET LOCAL statement_timeout = 1000"),
    "locked": run("SELECT n FROM t FOR UPDATE"),
    "syntax": run("SELECT 1 FROM FROM"),
    "division": run("SELECT 1 / 0"),
    "no table": run("SELECT * FROM nowhere"),
    "empty": run(""),
    "begin": run("BEGIN"),
    "too few values": run("SELECT %s, %s", (1,)),
    "cannot be adapted": run("SELECT %s", (object(),)),
    "too many values": run(f"SELECT {','.join(['%s'] * 70000)}", [1] * 70000),
    "dumped wrongly": dumped_wrongly,
    "type": run("SELECT %s::int", ("x",)),
    "isolated": isolated,
    "read only": read_only,
    "closed cursor": of_an_unclean_mind,
    "twice": twice,
    "often": often,
    "at once": at_once,
    "nested": nested,
    "outermost": outermost,
    "piped": piped,
    "told": told,
    "binary": in_binary,
    "again": again,
    "notified": notified,
    "heard": heard,
    "checked late": checked_late,
    "rolled back": rolled_back,
    "saved": saved,
    "heard at once": heard_at_once,
    "few prepared": few_prepared,
    "failed when prepared": failed_when_prepared,
    "asked": asked,
}


def outcome(case: Case, conn: psycopg.Connection[Any]) -> tuple[Any, ...]:
    """What a case returns or raises, and in what state it leaves the connection."""
    try:
        found = case(conn)
    except Exception as error:
        found = type(error).__name__, str(error), getattr(error, "sqlstate", None), details(error)
    return found, conn.info.transaction_status, conn.info.pipeline_status, conn.closed


def details(error: Exception) -> list[Any] | None:
    """What the server said of an error, but for the line of its own code."""
    if not isinstance(error, psycopg.Error):
        return None
    names = ("severity", "message_primary", "message_detail", "statement_position", "constraint_name")
    return [getattr(error.diag, name) for name in names]


@pytest.fixture
def make_pool() -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def make(url: str, **settings: Any) -> Pool:
        made.append(Pool("main", PoolSection(url=Secret(url), **settings)))
        return made[-1]

    yield make
    for pool in made:
        pool.close(0.2)


def test_cases_are_there() -> None:
    assert len(CASES) == 103


@pytest.mark.parametrize("where", ["main", "thread", "crowd"])
@pytest.mark.parametrize("name", CASES)
def test_outcome_is_that_of_psycopg(
    place: str, make_pool: Callable[..., Pool], name: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "crowd":
        # Every wait is short at first, as where threads crowd, and nothing but a line's own calls is used.
        monkeypatch.setattr(Patience, "short", property(lambda patience: True))
    in_thread = where != "main"
    with psycopg.connect(place) as plain:
        wanted = outcome(CASES[name], plain)
        plain.rollback()
    pool = make_pool(place)
    with pool.connection() as conn:
        found = called(partial(outcome, CASES[name], conn), in_thread)
        called(conn.rollback, in_thread)
        assert conn.execute("SELECT 'well'").fetchone() == ("well",)
    assert found == wanted


def called(work: Callable[[], Any], in_thread: bool) -> Any:
    """What it returns, called here or in a thread: only outside the main one the interpreter is ever kept in hand."""
    if not in_thread:
        return work()
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()


def test_first_statement_takes_begin_with_it(place: str, make_pool: Callable[..., Pool]) -> None:
    conn = make_pool(place).getconn()
    waits = trips(conn, lambda: conn.execute("SELECT 1"))
    assert waits == 1 < trips(conn, lambda: conn.execute("SELECT 1; SELECT 2"))


def trips(conn: Any, work: Callable[[], Any]) -> int:
    """How often the server became ready again, as libpq's own trace tells it."""
    conn.rollback()
    with tempfile.TemporaryFile() as file:
        conn.pgconn.trace(file.fileno())
        work()
        conn.pgconn.untrace()
        file.seek(0)
        return file.read().count(b"ReadyForQuery")


@pytest.mark.parametrize("text", ["", "COPY t FROM STDIN", "SELECT 1; SELECT 2", "WITH a AS (SELECT 1)", "SELEC"])
def test_what_may_be_more_goes_alone(text: str) -> None:
    assert not together.alone(text)


def test_copy_by_mistake_ends_with_an_error(place: str, make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(place)
    with pytest.raises(psycopg.ProgrammingError, match="COPY"), pool.connection() as conn:
        conn.execute("SELECT 1")
        called(partial(conn.execute, "COPY t TO STDOUT"), in_thread=True)
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_values_of_a_failed_first_statement_write_nothing(place: str, make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(place)
    with pytest.raises(psycopg.errors.UniqueViolation), pool.connection() as conn:
        conn.execute("INSERT INTO t VALUES (1), (1)")
    assert numbers(place) == []


def test_server_that_ends_the_session_says_why(postgres_server: Postgres, make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(postgres_server.url)
    with pool.connection() as conn:
        ender = threading.Thread(target=end, args=(postgres_server, conn.info.backend_pid))
        ender.start()
        with pytest.raises(psycopg.errors.AdminShutdown):
            conn.execute("SELECT pg_sleep(20)")
        ender.join()
        assert conn.closed
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def end(server: Postgres, pid: int) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        while True:
            row = admin.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
            if row is not None and "pg_sleep" in row[0]:
                break
            time.sleep(0.01)
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))


def test_cancelled_first_statement_leaves_the_connection_usable(
    postgres_server: Postgres, make_pool: Callable[..., Pool]
) -> None:
    pool = make_pool(postgres_server.url, query_timeout=0.3)
    with pool.connection() as conn:
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("SELECT pg_sleep(20)")
        conn.rollback()
        assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("in_thread", [False, True], ids=["main", "thread"])
@pytest.mark.parametrize("step", ["commit", "rollback"])
def test_line_that_breaks_under_the_end_is_an_operational_error(
    place: str, make_pool: Callable[..., Pool], step: str, in_thread: bool
) -> None:
    # No other connection that is opened meanwhile may be taken for a sign of life.
    conn = make_pool(place, min_size=1, max_size=1).getconn()
    conn.execute("SELECT 1")
    with socket.socket(fileno=os.dup(conn.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
    with pytest.raises(psycopg.OperationalError, match="server closed the connection") as caught:
        called(getattr(conn, step), in_thread)
    assert (caught.value.sqlstate, conn.closed) == (None, True)
    assert conn.watch.pulse.weak


SLOW_COMMIT = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
CREATE TABLE slow (n int);
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()
"""


@pytest.mark.parametrize("in_thread", [False, True], ids=["main", "thread"])
def test_commit_that_does_not_end_is_cancelled(
    postgres_server: Postgres, make_pool: Callable[..., Pool], in_thread: bool
) -> None:
    with psycopg.connect(postgres_server.url) as plain:
        plain.execute(SLOW_COMMIT)
    try:
        with (
            pytest.raises(psycopg.errors.QueryCanceled),
            make_pool(postgres_server.url, query_timeout=0.3).connection() as conn,
        ):
            conn.execute("INSERT INTO slow VALUES (1)")
            called(conn.commit, in_thread)
    finally:
        with psycopg.connect(postgres_server.url) as plain:
            plain.execute("DROP TABLE slow; DROP FUNCTION slowly")


LATE = """
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()
"""


def first(conn: psycopg.Connection[Any]) -> Any:
    conn.execute("SELECT pg_sleep(20)")


def last(conn: psycopg.Connection[Any]) -> Any:
    conn.execute("INSERT INTO t VALUES (1)")
    conn.commit()


@pytest.mark.parametrize("crowd", [False, True], ids=["calm", "crowd"])
@pytest.mark.parametrize("case", [first, later(first), last])
def test_connection_that_is_taken_from_a_waiting_thread_is_an_error_there(
    place: str, postgres_server: Postgres, make_pool: Callable[..., Pool], case: Case, crowd: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Patience, "short", property(lambda patience: crowd))
    pool = make_pool(place)
    with pool.connection() as conn:
        conn.execute(LATE)
    with ThreadPoolExecutor(1) as thread, psycopg.connect(postgres_server.admin_url, autocommit=True) as admin:
        conn = pool.getconn()
        asked = thread.submit(case, conn)
        asks = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s"
        until(lambda: admin.execute(asks, [conn.backend]).fetchone() == (True,))
        pool.putconn(conn)
        # It is out by then, so that whoever opens a socket now shares none with it.
        assert not conn.waiting_since
        with pytest.raises(psycopg.OperationalError, match="given back while a statement ran"):
            asked.result(10)
    # That is no word of the server.
    assert not pool.watch.pulse.weak
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
