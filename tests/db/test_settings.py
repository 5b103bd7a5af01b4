"""What the settings of a pool mean for its connections."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.db.conftest import MakeData, Run, numbers
from tests.support.postgres import Postgres
from wsgi_guard.client import Addresses
from wsgi_guard.db.layer import Data
from wsgi_guard.db.options import connect_options, driver_options, whole_conninfo
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.facts import Facts, Origin
from wsgi_guard.layer import Head, Outcome
from wsgi_guard.routes import Routes
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret

URL = "postgresql://app@db/shop"
# What is left of a long name: the server keeps 63 characters.
LONG = "s" * (63 - len(f" main {os.getpid()}"))


def section(url: str = URL, **settings: Any) -> PoolSection:
    return PoolSection(url=Secret(url), **settings)


# url, settings, and options that must come of them; None = must not be there
OPTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (URL, {"timeout": 3.2}, {"connect_timeout": 4, "tcp_user_timeout": 4000, "keepalives_idle": 30}),
    (URL, {"timeout": 0.1}, {"connect_timeout": 2, "tcp_user_timeout": 2000}),
    ("postgresql://app@a,b/shop", {"timeout": 6.0}, {"connect_timeout": 3, "tcp_user_timeout": 6000}),
    (f"{URL}?connect_timeout=9", {}, {"connect_timeout": None}),
    (f"{URL}?application_name=mine", {}, {"application_name": None}),
    (URL, {"application_name": "shop"}, {"application_name": f"shop main {os.getpid()}"}),
    (URL, {"application_name": "s" * 99}, {"application_name": f"{LONG} main {os.getpid()}"}),
    (URL, {"read_only": True}, {"options": "-c default_transaction_read_only=on"}),
    (f"{URL}?options=-cjit%3Doff", {"read_only": True}, {"options": "-cjit=off -c default_transaction_read_only=on"}),
    (URL, {"read_only": True, "pgbouncer": True}, {"options": None}),
    (URL, {"tls": "require"}, {"sslmode": "require", "sslrootcert": None}),
    (URL, {"tls": "verify-full"}, {"sslmode": "verify-full", "sslrootcert": "system"}),
    (URL, {"tls": "verify-ca", "tls_ca": "/ca.pem"}, {"sslmode": "verify-ca", "sslrootcert": "/ca.pem"}),
    (URL, {"tls_cert": "/c.pem", "tls_key": "/k.pem"}, {"sslcert": "/c.pem", "sslkey": "/k.pem", "sslmode": None}),
    (f"{URL}?sslmode=require", {}, {"sslmode": None}),
]  # fmt: skip


@pytest.mark.parametrize(("url", "settings", "expected"), OPTIONS)
def test_options_follow_from_the_settings(url: str, settings: dict[str, Any], expected: dict[str, Any]) -> None:
    found = connect_options("main", section(url, **settings))
    assert {key: found.get(key) for key in expected} == expected
    assert psycopg.conninfo.conninfo_to_dict(whole_conninfo("main", section(url, **settings)))["dbname"] == "shop"


def test_table_is_whole() -> None:
    assert len(OPTIONS) == 15


def test_tls_in_url_and_settings_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sslmode stands in the url and among the tls settings"):
        Data({"main": section(f"{URL}?sslmode=disable", tls="require")})


def test_pooler_means_no_prepared_statements(make_data: MakeData, postgres_server: Postgres) -> None:
    assert driver_options(section()) == {}
    pool = make_data({"pgbouncer": True, "max_size": 1}, main=postgres_server.url).pools["main"]
    with pool.connection() as conn:
        for _ in range(10):
            conn.execute("SELECT 1")
        assert conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_server_lists_pool_and_worker(make_data: MakeData, postgres_server: Postgres) -> None:
    data = make_data({"application_name": "shop"}, training=postgres_server.url)
    with data.pools["training"].connection() as conn:
        found = conn.execute("SHOW application_name").fetchone()
    assert found == (f"shop training {os.getpid()}",)


def test_read_only_pool_writes_nothing(make_data: MakeData, place: str, run: Run) -> None:
    data = make_data({"read_only": True, "max_size": 1}, main=place)
    for autocommit in (False, True, False):
        with run(data, 500) as facts:
            conn = facts.environ["wsgi_guard.db"]()
            conn.autocommit = autocommit
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                conn.execute("INSERT INTO t VALUES (1)")
    with run(data, 500) as facts:
        conn = facts.environ["wsgi_guard.db"]()
        conn.read_only = False
    with run(data) as facts:
        assert facts.environ["wsgi_guard.db"]().read_only is True
    assert numbers(place) == []


def test_pool_opens_at_start_when_told(make_data: MakeData, postgres_server: Postgres) -> None:
    lazy, eager = make_data(main=postgres_server.url), make_data({"open": "start"}, main=postgres_server.url)
    lazy.start()
    eager.start()
    assert (lazy.pools["main"].here, eager.pools["main"].here) == (False, True)
    eager.pools["main"].wait(5)


def test_autocommit_by_path(place: str) -> None:
    routes = Routes()
    data = Data({"main": section(place, autocommit=("/jobs/{rest+}",)), "other": section(place)}, routes)
    data.start()
    try:
        for path, expected in (("/jobs/1", [1]), ("/shop", [1])):
            facts = Facts({"PATH_INFO": path}, Origin(routes, Addresses(None, "x-forwarded-for"), None))
            data.prepare(facts)
            facts.environ["wsgi_guard.db"]().execute("INSERT INTO t VALUES (%s)", [2 if expected == [1, 2] else 1])
            assert facts.environ["wsgi_guard.db"]().autocommit is (path == "/jobs/1")
            assert facts.environ["wsgi_guard.db"]("other").autocommit is False
            data.after(facts, Head("500 No", []))
            data.finish(facts, Outcome(500, 0.0, "close"))
            assert numbers(place) == expected
    finally:
        data.close()


def test_request_connection_by_name_and_to_the_end(make_data: MakeData, place: str, run: Run) -> None:
    data = make_data({"max_size": 2}, main=place, other=place)
    with run(data) as facts:
        take = facts.environ["wsgi_guard.db"]
        assert take() is take() is take("main")
        assert take("other") is not take()
        assert isinstance(take(), psycopg.Connection)
        with pytest.raises(RuntimeError, match="no pool 'mian' is configured, only 'main', 'other'"):
            take("mian")
        take().execute("INSERT INTO t VALUES (1)")
    assert numbers(place) == [1]
    with pytest.raises(RuntimeError, match="the request has ended"):
        take()
    assert len(data.pools["main"].watch.holders) == 0


def test_threads_of_a_request_get_one_connection(make_data: MakeData, place: str, run: Run) -> None:
    with run(make_data({"max_size": 8}, main=place)) as facts, ThreadPoolExecutor(8) as threads:
        take = facts.environ["wsgi_guard.db"]
        assert len(set(threads.map(lambda _: take(), range(64)))) == 1


def test_no_main_means_no_callable(make_data: MakeData, place: str, run: Run) -> None:
    with run(make_data(training=place)) as facts:
        assert "wsgi_guard.db" not in facts.environ


@pytest.mark.parametrize(("workers", "warned"), [(1, False), (3, True)])
def test_too_little_room_is_told_with_the_sum(
    workers: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = Postgres(max_connections=40)
    sections = {"main": section(server.url, max_size=9), "training": section(server.url, max_size=5)}
    sections["elsewhere"] = section(max_size=500)
    data = Data(sections, workers=lambda: workers)
    try:
        data.pools["main"].wait(5)
        data.pools["training"].wait(5)
        found = [record.getMessage() for record in caplog.records if "more connections" in record.getMessage()]
        assert len(found) == warned
        sum_in_words = "3 workers x (main 9 + training 5) = 42 connections, the server takes 37"
        assert all(f"{sum_in_words} (max_connections 40 - 3 reserved)" in line for line in found)
    finally:
        data.close(0.2)
        server.discard()
