"""The pools in numbers: on the admin page and as series."""

from __future__ import annotations

import json
from typing import Any
from wsgiref.util import setup_testing_defaults

import psycopg
import pytest

from tests.db.conftest import MakeData, Run, close_pools
from wsgi_guard import Guard, execute_query
from wsgi_guard.db.stats import SLOWEST, report
from wsgi_guard.series import COUNTER, GAUGE, HISTOGRAM, Buckets

TOKEN = "sixteen-and-more-characters"
NAMES = {
    "wsgi_guard_db_pool_size": GAUGE, "wsgi_guard_db_pool_available": GAUGE, "wsgi_guard_db_pool_max_size": GAUGE,
    "wsgi_guard_db_pool_waiting": GAUGE, "wsgi_guard_db_pool_used": GAUGE, "wsgi_guard_db_pool_requests": COUNTER,
    "wsgi_guard_db_pool_requests_queued": COUNTER, "wsgi_guard_db_pool_requests_failed": COUNTER,
    "wsgi_guard_db_pool_connections_opened": COUNTER, "wsgi_guard_db_pool_connections_failed": COUNTER,
    "wsgi_guard_db_pool_connections_lost": COUNTER, "wsgi_guard_db_pool_returned_bad": COUNTER,
    "wsgi_guard_db_pool_usage_seconds": COUNTER, "wsgi_guard_db_pool_leaks": COUNTER,
    "wsgi_guard_db_pool_wait_seconds": HISTOGRAM, "wsgi_guard_db_query_seconds": HISTOGRAM,
    "wsgi_guard_db_query_errors": COUNTER, "wsgi_guard_db_slow_queries": COUNTER,
    "wsgi_guard_db_repeated_queries": COUNTER, "wsgi_guard_db_pool_min_size": GAUGE,
    "wsgi_guard_db_pool_open": GAUGE, "wsgi_guard_db_pool_server_away": GAUGE, "wsgi_guard_db_pool_leaks_now": GAUGE,
    "wsgi_guard_db_pool_longest_wait_seconds": GAUGE, "wsgi_guard_db_pool_refused": COUNTER,
}  # fmt: skip
OF_STATEMENTS = {
    "wsgi_guard_db_statement_seconds": HISTOGRAM, "wsgi_guard_db_statement_longest_seconds": GAUGE,
    "wsgi_guard_db_statement_rows": COUNTER, "wsgi_guard_db_statement_errors": COUNTER,
    "wsgi_guard_db_statement_slow": COUNTER, "wsgi_guard_db_statement_repeated": COUNTER,
}  # fmt: skip


def ask(guard: Guard, path: str, token: str | None = TOKEN) -> tuple[int, Any]:
    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    if token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    seen: list[int] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        seen.append(int(status[:3]))
        return lambda data: None

    body = b"".join(guard(environ, start))
    return seen[0], body


def test_page_tells_of_each_pool(place: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for number in range(12):
            execute_query(f"SELECT 'secret', {number}")
        execute_query("SELECT pg_sleep(0.3)")
        start_response("200 OK", [])
        return [b"done"]

    pools = {"main": {"url": place, "slow_query": 0.01}, "unused": {"url": place, "max_size": 3}}
    guard = Guard(app, {"guard": {"layers": []}, "pools": pools, "admin": {"token": TOKEN}})
    assert ask(guard, "/shop")[0] == 200
    assert ask(guard, "/admin/db/stats", None)[0] == 401
    code, body = ask(guard, "/admin/db/stats")
    assert code == 200
    assert b"secret" not in body
    told = json.loads(body)["pools"]
    assert (told["unused"]["open"], told["unused"]["size"]["max"], told["unused"]["statements"]) == (False, 3, 0)
    main = told["main"]
    assert (main["open"], main["statements"], main["use"]["requests"]) == (True, 13, 1)
    slowest = main["slowest"][0]
    assert (slowest["statement"], slowest["count"], slowest["slow"]) == ("SELECT pg_sleep(?)", 1, 1)
    assert 300 <= slowest["p50_ms"] <= slowest["p99_ms"] <= slowest["longest_ms"] < 10000
    assert main["repeated"] == [{"statement": "SELECT ?, ..", "requests": 1}]
    assert main["leaks"] == {"seen": 0, "now": []}
    close_pools(guard)


def test_page_is_the_apps_without_admin(place: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"mine"]

    guard = Guard(app, {"guard": {"layers": []}, "pools": {"main": {"url": place}}})
    assert ask(guard, "/admin/db/stats") == (200, b"mine")


def test_page_names_leaks_and_holders(make_data: MakeData, place: str, run: Run) -> None:
    data = make_data({"leak_after": 0.01}, main=place)
    with run(data) as facts:
        facts.environ["wsgi_guard.db"]().execute("SELECT 1")
        pool = data.pools["main"]
        while not pool.watch.holders.leaks:
            pass
        told = report(pool)
        (held,) = told["held"]
        assert told["leaks"]["now"] == [held]
        assert (held["request_id"], held["last_statement"]) == (facts.request_id, "SELECT ?")
        assert any("test_stats.py" in line for line in held["stack"])
    assert report(data.pools["main"])["held"] == []


def test_series_count_what_happened(make_data: MakeData, place: str, run: Run) -> None:
    data = make_data({"max_size": 2}, main=place, other=place)
    with run(data) as facts:
        facts.environ["wsgi_guard.db"]().execute("SELECT 1")
        found = {(each.name, each.labels): each for each in data.series()}
        main = (("pool", "main"),)
        assert found["wsgi_guard_db_pool_used", main].value == 1
    plain = {key: each for key, each in found.items() if key[0] in NAMES}
    assert {(name, each.kind) for (name, _), each in plain.items()} == set(NAMES.items())
    assert {labels for _, labels in plain} == {main, (("pool", "other"),)}
    queries = found["wsgi_guard_db_query_seconds", main].value
    waits = found["wsgi_guard_db_pool_wait_seconds", main].value
    assert isinstance(queries, Buckets)
    assert isinstance(waits, Buckets)
    assert (sum(queries.counts), sum(waits.counts)) == (1, 1)
    assert found["wsgi_guard_db_pool_requests", main].value == 1
    assert len(NAMES) == 25


@pytest.mark.parametrize("count", [1, 4])
def test_series_of_an_unused_pool_connect_to_nothing(make_data: MakeData, count: int) -> None:
    data = make_data({"max_size": count}, main="postgresql://nobody@127.0.0.1:1/none")
    values = {each.name: each.value for each in data.series()}
    assert values["wsgi_guard_db_pool_max_size"] == count
    assert values["wsgi_guard_db_pool_size"] == 0
    assert not data.pools["main"].here


def test_every_number_of_the_page_is_a_metric_too(make_data: MakeData, place: str, run: Run) -> None:
    data = make_data({"slow_query": 0.02, "leak_after": 0.01}, main=place)
    with run(data) as facts:
        conn = facts.environ["wsgi_guard.db"]()
        for _ in range(12):
            conn.execute("SELECT n FROM t")
        conn.execute("INSERT INTO t VALUES (1), (2)")
        conn.execute("SELECT pg_sleep(0.03), '" + "x" * 300 + "' AS " + "y" * 300)
        with pytest.raises(psycopg.errors.UndefinedTable), conn.transaction():
            conn.execute("SELECT 1 FROM nowhere")
        while not data.pools["main"].watch.holders.leaks:
            pass
        page = report(data.pools["main"])
        found = list(data.series())
    values = {each.name: each.value for each in found if each.name in NAMES}
    size, waits, errors = page["size"], page["waits"], page["errors"]
    by_page = {
        "pool_open": page["open"], "pool_server_away": page["server_away"], "pool_size": size["now"],
        "pool_available": size["available"], "pool_used": size["used"], "pool_min_size": size["min"],
        "pool_max_size": size["max"], "pool_waiting": waits["waiting_now"], "pool_requests_queued": waits["queued"],
        "pool_requests": page["use"]["requests"], "pool_requests_failed": errors["requests"],
        "pool_connections_failed": errors["connecting"], "pool_connections_lost": errors["lost"],
        "pool_returned_bad": errors["returned_bad"], "query_errors": errors["statements"],
        "pool_leaks": page["leaks"]["seen"], "pool_leaks_now": len(page["leaks"]["now"]),
        "repeated_queries": sum(each["requests"] for each in page["repeated"]),
    }  # fmt: skip
    assert {name: values[f"wsgi_guard_db_{name}"] for name in by_page} == by_page
    assert page["leaks"]["seen"] == len(page["repeated"]) == errors["statements"] == 1
    queries = values["wsgi_guard_db_query_seconds"]
    assert isinstance(queries, Buckets)
    assert sum(queries.counts) == page["statements"] == 15

    told: dict[str, dict[str, Any]] = {}
    for each in found:
        if each.name in OF_STATEMENTS:
            assert each.kind == OF_STATEMENTS[each.name]
            told.setdefault(dict(each.labels)["statement"], {})[each.name.rpartition("statement_")[2]] = each.value
    assert {name for numbers in told.values() for name in numbers} == {
        name.rpartition("statement_")[2] for name in OF_STATEMENTS
    }
    assert len(told) == len(page["slowest"]) == 4
    for shape in page["slowest"]:
        (numbers,) = (each for label, each in told.items() if shape["statement"].startswith(label.partition("..")[0]))
        counted = {name: numbers.get(name, 0) for name in ("rows", "errors", "slow")}
        assert counted == {name: shape[name] for name in counted}
        assert (sum(numbers["seconds"].counts), numbers["seconds"].total * 1000) == (
            shape["count"], pytest.approx(shape["total_ms"], abs=0.001),
        )  # fmt: skip
    assert max(map(len, told)) < 140
    assert "x" * 9 not in str(found)


def test_statement_that_was_shown_is_shown_on(make_data: MakeData, place: str, run: Run) -> None:
    data = make_data({"repeated_query": 0}, main=place)

    def statements() -> set[str]:
        return {dict(each.labels)["statement"] for each in data.series() if each.name.endswith("statement_seconds")}

    with run(data) as facts:
        conn = facts.environ["wsgi_guard.db"]()
        conn.execute("SELECT 1 AS first")
        assert statements() == {"SELECT ? AS first"}
        for number in range(SLOWEST + 5):
            conn.execute(f"SELECT pg_sleep(0.002) AS s{number}")
        found = statements()
    assert "SELECT ? AS first" in found
    assert len(found) == SLOWEST + 1
