"""How full a pool is: for checks of health, without queueing for it."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import psycopg_pool
import pytest

from tests.db.conftest import MakeData, close_pools
from tests.db.test_stats import TOKEN, ask
from tests.health.ticking import stop_monitors
from tests.support.postgres import Postgres
from wsgi_guard import Guard


def test_ping_tells_how_full_the_pool_is(make_data: MakeData, postgres_server: Postgres) -> None:
    data = make_data({"max_size": 2, "timeout": 5.0}, main=postgres_server.url)
    pool, ping = data.pools["main"], data.pings()["postgres"]
    empty = {"size": 0, "max_size": 2, "used": 0, "used_percent": 0, "waiting": 0, "refused": 0}
    assert ping(5.0) == empty
    assert not pool.here
    first, second = pool.getconn(), pool.getconn()
    waiting = threading.Thread(target=lambda: pool.getconn().close())
    waiting.start()
    while not pool.get_stats()["requests_waiting"]:
        pass
    assert ping(5.0) == {"size": 2, "max_size": 2, "used": 2, "used_percent": 100, "waiting": 1, "refused": 0}
    assert data.report() is None
    with pytest.raises(psycopg_pool.PoolTimeout):
        pool.getconn(0.01)
    assert ping(5.0)["refused"] == 1
    assert data.report() == "requests got no connection in the last 30 s from pool 'main'"
    first.close()
    second.close()
    waiting.join()
    assert ping(5.0)["waiting"] == 0


def test_server_that_is_away_is_no_exhaustion(make_data: MakeData) -> None:
    data = make_data({"timeout": 0.3}, main="postgresql://app@127.0.0.1:1/app")
    with pytest.raises(psycopg_pool.PoolTimeout):
        data.pools["main"].getconn()
    assert data.pools["main"].watch.refused == 0
    assert data.report() is None


def test_health_is_degraded_while_requests_wait_and_fails_when_they_wait_in_vain(postgres_server: Postgres) -> None:
    free, asks = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi_guard.db"]().execute("SELECT 1")
        if environ["PATH_INFO"] == "/hold":
            asks.set()
            free.wait(20)
        start_response("200 OK", [])
        return [b"ok"]

    guard = Guard(app, {
        "guard": {"layers": ["health"]}, "admin": {"token": TOKEN}, "health": {"interval": 0.1},
        "pools": {"main": {"url": postgres_server.url, "max_size": 1, "timeout": 2.0}},
    })  # fmt: skip
    holder = threading.Thread(target=ask, args=(guard, "/hold"))
    holder.start()
    asks.wait(10)
    codes: list[int] = []
    waiter = threading.Thread(target=lambda: codes.append(ask(guard, "/wait")[0]))
    waiter.start()
    seen: set[tuple[str, str]] = set()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and len(seen) < 2:
        _, body = ask(guard, "/health/check/postgres")
        (part,) = json.loads(body)["checks"]["postgres"]
        if part["status"] in ("warn", "fail"):
            seen.add((part["status"], part["output"]))
        _, public = ask(guard, "/health", None)
        assert set(json.loads(public)) <= {"status"}
    waiter.join()
    free.set()
    holder.join()
    assert codes == [503]
    assert seen == {("warn", "waiting > 0"), ("fail", "refused > 0")}
    stop_monitors([guard])
    close_pools(guard)
