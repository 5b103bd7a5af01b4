"""The data layer inside a real Guard: what clients see of an outage, a failed commit, a stream."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import psycopg
import psycopg_pool
import pytest

from tests.db.conftest import backends, close_pools, numbers
from tests.support.postgres import Postgres
from wsgi_guard import Guard, current, execute_query, get_db_connection

App = Callable[..., Any]


class Answer:
    def __init__(self) -> None:
        self.status = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    @property
    def code(self) -> int:
        return int(self.status[:3])

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        self.status, self.headers = status, dict(headers)
        return lambda data: None


def get(app: App, *, chunks: int | None = None) -> Answer:
    """One GET; `chunks` = leave after that many."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ["QUERY_STRING"] = ""
    answer = Answer()
    result: Any = validator(app)(environ, answer.start)
    try:
        iterator = iter(result)
        for number, chunk in enumerate(iterator, 1):
            answer.body += chunk
            if number == chunks:
                break
    finally:
        result.close()
    return answer


_made: list[Guard] = []


def guarded(app: App, url: str, **settings: Any) -> Guard:
    tables = {"guard": {"layers": []}, "pools": {"main": {"url": url, "timeout": 1.0, "max_size": 2}}, **settings}
    _made.append(Guard(validator(app), tables))
    return _made[-1]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No pool goes on looking for its server while other tests run."""
    yield
    while _made:
        close_pools(_made.pop())


def ok(start_response: Any, body: bytes = b"ok", status: str = "200 OK") -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def pooled(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    with environ["wsgi_guard.pool"].connection() as conn:
        return ok(start_response, str(conn.execute("SELECT 41 + 1").fetchone()[0]).encode())


def test_app_finds_the_pool(postgres_server: Postgres) -> None:
    assert get(guarded(pooled, postgres_server.url)).body == b"42"


def test_lost_database_is_503_with_retry_after(private_postgres: Postgres) -> None:
    guard = guarded(pooled, private_postgres.url)
    assert get(guard).code == 200
    private_postgres.stop()
    answer = get(guard)
    assert answer.status.startswith("503")
    assert int(answer.headers["Retry-After"]) >= 1
    assert json.loads(answer.body)["status"] == 503
    assert str(private_postgres.port) not in answer.body.decode()
    private_postgres.start()
    while get(guard).code != 200:
        pass


def test_framework_made_a_500_of_an_outage(private_postgres: Postgres) -> None:
    import flask

    app = flask.Flask("shop")

    @app.get("/")
    def view() -> str:
        return str(execute_query("SELECT 1 AS one"))

    guard = guarded(app, private_postgres.url)
    assert get(guard).code == 200
    private_postgres.stop()
    answer = get(guard)
    assert answer.code == 503
    assert "Retry-After" in answer.headers


def test_app_that_copes_with_an_outage_keeps_its_answer(private_postgres: Postgres) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            return pooled(environ, start_response)
        except psycopg_pool.PoolTimeout:
            return ok(start_response, b"from memory")

    private_postgres.stop()
    answer = get(guarded(app, private_postgres.url))
    assert (answer.code, answer.body) == (200, b"from memory")


def test_other_errors_stay_500(postgres_server: Postgres) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        execute_query("SELECT * FROM nowhere")
        return ok(start_response)

    assert get(guarded(app, postgres_server.url)).code == 500


@pytest.mark.parametrize("policy", ["deny", "allow"])
def test_failed_commit_is_500_always(place: str, policy: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        execute_query("INSERT INTO t VALUES (1)")
        execute_query("INSERT INTO t VALUES (1)")
        return ok(start_response)

    answer = get(guarded(app, place, guard={"layers": [], "on_layer_error": policy}))
    assert answer.code == 500
    assert b"ok" not in answer.body
    assert numbers(place) == []


def test_commit_on_a_lost_connection_is_500(private_postgres: Postgres) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        conn = get_db_connection()
        conn.execute("SELECT 1")
        with psycopg.connect(private_postgres.admin_url) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        return ok(start_response)

    assert get(guarded(app, private_postgres.url)).code == 500


@pytest.mark.parametrize(
    ("status", "expected"), [("200 OK", [1]), ("404 Not Found", [1]), ("500 Internal Server Error", [])]
)
def test_status_of_the_app_decides(place: str, status: str, expected: list[int]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        execute_query("INSERT INTO t VALUES (1)")
        return ok(start_response, status=status)

    assert get(guarded(app, place)).status == status
    assert numbers(place) == expected


def test_exception_undoes_what_was_done(place: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        execute_query("INSERT INTO t VALUES (1)")
        raise KeyError

    assert get(guarded(app, place)).code == 500
    assert numbers(place) == []


def test_stream_writes_in_a_transaction_of_its_own(place: str) -> None:
    committed: list[list[int]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        execute_query("INSERT INTO t VALUES (1)")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return rows()

    def rows() -> Iterator[bytes]:
        committed.append(numbers(place))
        execute_query("INSERT INTO t VALUES (2)")
        yield b"one"
        committed.append(numbers(place))
        yield b"two"

    assert get(guarded(app, place)).body == b"onetwo"
    assert committed == [[1], [1]]
    assert numbers(place) == [1, 2]


def test_disconnect_undoes_the_stream_and_gives_back(place: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return rows()

    def rows() -> Iterator[bytes]:
        execute_query("INSERT INTO t VALUES (1)")
        yield b"one"
        yield b"two"

    guard = guarded(app, place)
    for _ in range(5):
        assert get(guard, chunks=1).body == b"one"
    assert numbers(place) == []
    assert get(guard).body == b"onetwo"
    assert numbers(place) == [1]


@pytest.mark.parametrize(
    ("first", "status", "code"),
    [
        ("INSERT INTO t VALUES (1)", "200 OK", 500),
        ("WITH one AS (INSERT INTO t VALUES (1) RETURNING n) SELECT n FROM one", "302 Found", 500),
        ("INSERT INTO t VALUES (1)", "409 Conflict", 409),
        ("SELECT n FROM t FOR UPDATE", "200 OK", 200),
    ],
)
def test_writes_that_a_swallowed_error_undid_are_a_failed_commit(
    place: str, first: str, status: str, code: int
) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        execute_query(first)
        with pytest.raises(psycopg.errors.UndefinedTable):
            execute_query("INSERT INTO nowhere VALUES (1)")
        return ok(start_response, status=status)

    answer = get(guarded(app, place))
    assert (answer.code, "X-Error-ID" in answer.headers) == (code, code == 500)
    if code == 500:
        told = json.loads(answer.body)
        assert told["error_id"] == answer.headers["X-Error-ID"]
        assert told["detail"] == "the request could not be completed"
    assert numbers(place) == []


def test_what_was_committed_before_an_error_is_not_lost(place: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        conn = environ["wsgi_guard.db"]()
        conn.execute("INSERT INTO t VALUES (1)")
        conn.commit()
        with pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("SELECT 1 FROM nowhere")
        return ok(start_response)

    assert get(guarded(app, place)).code == 200
    assert numbers(place) == [1]


@pytest.mark.parametrize("way", ["environ", "function"])
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize(("status", "expected"), [("200 OK", [1, 2]), ("500 No", [])])
def test_block_of_a_transaction_is_a_savepoint_also_at_first(
    place: str, way: str, piped: bool, status: str, expected: list[int]
) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        conn = environ["wsgi_guard.db"]() if way == "environ" else get_db_connection()
        with conn.pipeline() if piped else nullcontext():
            with conn.transaction():
                conn.execute("INSERT INTO t VALUES (1)")
                with conn.transaction("named"):
                    conn.execute("INSERT INTO t VALUES (2)")
            with conn.transaction(force_rollback=True):
                conn.execute("INSERT INTO t VALUES (3)")
        return ok(start_response, status=status)

    assert get(guarded(app, place)).code == int(status[:3])
    assert numbers(place) == expected


def test_block_of_a_transaction_commits_where_statements_do(place: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with environ["wsgi_guard.db"]().transaction():
            execute_query("INSERT INTO t VALUES (1)")
        with environ["wsgi_guard.pool"].connection() as conn, conn.transaction():
            conn.execute("INSERT INTO t VALUES (2)")
        return ok(start_response, status="500 No")

    pools = {"main": {"url": place, "max_size": 2, "autocommit": ["/{rest+}", "/"]}}
    assert get(guarded(app, place, pools=pools)).code == 500
    assert numbers(place) == [1, 2]


def test_second_statement_after_a_loss_is_503_too(private_postgres: Postgres) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        conn = environ["wsgi_guard.db"]()
        pid = conn.execute("SELECT pg_backend_pid()").fetchone()[0]
        with psycopg.connect(private_postgres.url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
        current().noted = None  # type: ignore[union-attr]  # as if the app had coped with the first
        conn.execute("SELECT 2")
        return ok(start_response)

    answer = get(guarded(app, private_postgres.url))
    assert (answer.code, "Retry-After" in answer.headers) == (503, True)


def test_aborted_transaction_is_told(place: str, caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with pytest.raises(psycopg.errors.UndefinedTable):
            execute_query("INSERT INTO nowhere VALUES (1)")
        return ok(start_response)

    assert get(guarded(app, place)).code == 200
    assert [record.name for record in caplog.records if "a statement failed" in record.message] == ["wsgi_guard.db"]


def test_many_requests_leave_no_session_behind(private_postgres: Postgres) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        execute_query("SELECT 1")
        get_db_connection().execute("SELECT 1")
        if environ["wsgi_guard.pool"].get_stats()["requests_num"] % 2:
            raise KeyError
        return ok(start_response)

    guard = guarded(app, private_postgres.url)
    for _ in range(20):
        get(guard)
    assert backends(private_postgres) <= 2
    assert backends(private_postgres, state="idle in transaction") == 0


def test_inner_guard_uses_its_own_pools(place: str, postgres_server: Postgres) -> None:
    named = "SELECT current_setting('application_name') AS name"

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        execute_query("INSERT INTO t VALUES (1)", pool="other")
        return ok(start_response, execute_query(named)[0]["name"].encode())

    inner = guarded(app, f"{postgres_server.url}?application_name=inner")
    pools = {"main": {"url": f"{postgres_server.url}?application_name=outer"}, "other": {"url": place}}
    outer = guarded(inner, place, pools=pools)
    assert get(outer).body == b"inner"
    assert numbers(place) == [1]


def test_request_is_freed_without_the_collector(place: str) -> None:
    class Mark:
        pass

    found: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found.append(environ["wsgi_guard.db"]().execute("SELECT 1").fetchone())
        found.append(weakref.ref(environ["test.mark"]))
        return ok(start_response)

    guard = guarded(app, place)
    environ: dict[str, Any] = {"test.mark": Mark()}
    setup_testing_defaults(environ)
    environ["QUERY_STRING"] = ""
    gc.collect()
    gc.disable()
    try:
        body: Any = guard(environ, Answer().start)
        list(body)
        body.close()
        with pytest.raises(RuntimeError, match="the request has ended"):
            environ["wsgi_guard.db"]()
        del environ, body
        assert found[0] == (1,)
        assert found[1]() is None
    finally:
        gc.enable()
        close_pools(guard)


def test_current_gives_the_connection_too(place: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        now = current()
        assert now is not None
        assert now.db() is environ["wsgi_guard.db"]() is get_db_connection()
        with pytest.raises(RuntimeError, match="no pool 'nowhere' is configured, only 'main'"):
            now.db("nowhere")
        return ok(start_response)

    assert get(guarded(app, place)).code == 200
