"""Health inside a whole guard: real stores and databases, two thousand probes, one guard in another."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from tests.health.asking import BEARER, TOKEN
from tests.health.ticking import stop_monitors, until
from tests.support.calling import request, serve
from tests.support.postgres import Postgres
from tests.support.redis import Redis
from wsgi_guard import Guard

App = Callable[..., Any]
RUNS: list[int] = []
NOBODY: dict[str, Any] = {}


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app's"]


def counted() -> None:
    RUNS.append(1)


@pytest.fixture
def guarded() -> Iterator[Callable[..., App]]:
    made: list[Guard] = []

    def build(inner: App = app, **tables: Any) -> App:
        health = {"checks": {name: {"type": f"{__name__}:counted"} for name in ("system", "disk")}}
        tables["health"] = {**health, **tables.pop("health", {})}
        tables.setdefault("admin", {"token": TOKEN})
        made.append(Guard(validator(inner), tables))
        outside: App = validator(made[-1])
        return outside

    yield build
    stop_monitors(made)


def code(app: App, path: str, **keys: Any) -> int:
    made = serve(app, request(path, **keys))
    assert made.error is None
    return made.code


def output_of(app: App, name: str) -> str:
    """What the check says against itself, "" while it passes, "?" before its first run."""
    made = serve(app, request(f"/health/check/{name}", **BEARER))
    assert made.error is None
    part = json.loads(made.body)["checks"][name][0]
    return "?" if "time" not in part else str(part.get("output", ""))


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_probes_are_free_and_run_nothing(guarded: Callable[..., App]) -> None:
    app = guarded(rate_limit={"store": "memory", "rules": [{"name": "all", "limit": "5 per hour"}]})
    RUNS.clear()
    assert code(app, "/livez") == 200
    until(lambda: len(RUNS) == 2)
    for _ in range(500):
        for path in ("/livez", "/readyz", "/health", "/health/detailed"):
            assert code(app, path, **BEARER) == 200
    assert len(RUNS) == 2
    assert [code(app, "/") for _ in range(6)] == [200] * 5 + [429]


def test_answers_leave_by_the_guards_door(guarded: Callable[..., App]) -> None:
    app = guarded()
    for path, method, status in (
        ("/livez", "GET", "200 OK"),
        ("/health/detailed", "GET", "401 Unauthorized"),
        ("/livez", "POST", "405 Method Not Allowed"),
    ):
        made = serve(app, request(path, method))
        assert made.error is None
        assert made.status == status
        assert made.header("X-Request-ID")
        assert made.header("Cache-Control") == "no-store"


def test_head_sends_no_body(guarded: Callable[..., App]) -> None:
    app = guarded()
    for path in ("/livez", "/readyz", "/health", "/health/detailed", "/health/check/disk"):
        for keys in (NOBODY, BEARER):
            got, head = serve(app, request(path, **keys)), serve(app, request(path, "HEAD", **keys))
            assert head.error is None
            assert head.status == got.status
            assert head.body == b""
            assert head.header("Content-Length") is not None


def test_inner_guard_leaves_health_to_the_outer(guarded: Callable[..., App]) -> None:
    inner = Guard(app, {"health": {"livez": "/inner"}})
    outer = guarded(inner)
    assert serve(outer, request("/inner")).body == b"the app's"
    assert json.loads(serve(outer, request("/livez")).body) == {"status": "pass"}


def test_redis_is_pinged_through_its_outages(guarded: Callable[..., App], redis_server: Redis) -> None:
    app = guarded(
        rate_limit={"store": redis_server.url},
        health={"interval": 0.1, "checks": {
            "redis": {"type": "redis", "timeout": 0.3, "tier": "ready"},
            "other": {"type": "redis", "url": redis_server.url, "timeout": 0.3, "needs": ["redis"]},
        }},
    )  # fmt: skip
    code(app, "/livez")
    until(lambda: output_of(app, "redis") == output_of(app, "other") == "")
    until(lambda: code(app, "/readyz") == 200)
    redis_server.kill()
    until(lambda: output_of(app, "redis").startswith("StoreError from"))
    until(lambda: output_of(app, "other").endswith("; blocked by redis"))
    assert code(app, "/readyz") == 503
    assert code(app, "/livez") == 200
    redis_server.start()
    until(lambda: output_of(app, "redis") == output_of(app, "other") == "")
    until(lambda: code(app, "/readyz") == 200)
    redis_server.freeze()
    until(lambda: output_of(app, "redis") == "timed out")
    assert code(app, "/readyz") == 503
    redis_server.thaw()
    until(lambda: output_of(app, "redis") == "")


def test_each_pool_is_pinged(guarded: Callable[..., App], postgres_server: Postgres) -> None:
    away = f"postgresql://nobody:hunter2@127.0.0.1:{closed_port()}/shop"
    app = guarded(
        pools={"main": {"url": postgres_server.url}, "training": {"url": away}}, health={"interval": 0.1}
    )
    code(app, "/livez")
    until(lambda: output_of(app, "postgres") == "")
    until(lambda: output_of(app, "postgres-training") not in ("", "?"))
    made = serve(app, request("/health/detailed", **BEARER))
    assert made.code == 503
    assert b"hunter2" not in made.body
    assert json.loads(made.body)["causes"] == ["postgres-training"]
    assert serve(app, request("/health")).body == b'{"status": "fail"}'
    assert code(app, "/readyz") == 200
