"""Pools on real servers, and requests as a guard walks them through the data layer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.postgres import Postgres
from wsgi_guard import Guard
from wsgi_guard.client import Addresses
from wsgi_guard.db.layer import Data
from wsgi_guard.facts import CURRENT, Facts, Origin
from wsgi_guard.layer import Head, Outcome
from wsgi_guard.routes import Routes
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret

MakeData = Callable[..., Data]
Run = Callable[..., AbstractContextManager[Facts]]


@pytest.fixture
def make_data() -> Iterator[MakeData]:
    """`make_data(main=url, **settings)`: a data layer with one pool for each URL, closed at the end."""
    made: list[Data] = []

    def make(settings: dict[str, Any] | None = None, **urls: str) -> Data:
        chosen = settings or {}
        made.append(Data({name: PoolSection(url=Secret(url), **chosen) for name, url in urls.items()}))
        return made[-1]

    yield make
    for data in made:
        data.close(0.2)


def close_pools(guard: Guard) -> None:
    """Ends the threads of the pools of a whole guard."""
    guard.stack.full.layers[-1].pools.close(0.2)  # type: ignore[attr-defined]


@pytest.fixture
def run() -> Run:
    """`with run(data) as facts:` is the app's part of a request; `code` is what it answers when nothing raises."""
    return request


@contextmanager
def request(data: Data, code: int = 200, stream: Callable[[], None] | None = None) -> Iterator[Facts]:
    facts = Facts({}, Origin(Routes(), Addresses(None, "x-forwarded-for"), None))
    token = CURRENT.set(facts)
    data.start()
    end = Outcome(500, 0.0, "error")
    try:
        data.prepare(facts)
        try:
            yield facts
        except Exception as error:
            facts.error = error
            data.after(facts, Head("500 Internal Server Error", []))
            raise
        data.after(facts, Head(f"{code} Whatever", []))
        if stream is not None:
            stream()
        end = Outcome(code, 0.0, "close")
    finally:
        data.finish(facts, end)
        facts.open = False
        CURRENT.reset(token)


@pytest.fixture
def place(postgres_server: Postgres) -> Iterator[str]:
    """The URL of a schema of this test's own, with a table `t` of one unique number, checked at commit."""
    name = f"s_{uuid.uuid4().hex[:12]}"
    url = f"{postgres_server.url}?options=-csearch_path%3D{name}"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        conn.execute("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        yield url
        conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def numbers(url: str) -> list[int]:
    """What another connection sees committed in `t`."""
    with psycopg.connect(url) as conn:
        return [row[0] for row in conn.execute("SELECT n FROM t ORDER BY n")]


def backends(server: Postgres, *, state: str | None = None) -> int:
    """Sessions of the ordinary user that the server knows of."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND (%(state)s::text IS NULL OR state = %(state)s)"
    )
    with psycopg.connect(server.admin_url) as conn:
        row = conn.execute(query, {"state": state}).fetchone()
    assert row is not None
    return int(row[0])


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What our own logger said; pools that other tests left behind may still look for their servers."""
    return [record.getMessage() for record in caplog.records if record.name == "wsgi_guard.db"]
