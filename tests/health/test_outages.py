"""What a guard says of itself while something around it fails, drains or ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
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
CALM = {name: {"type": f"{__name__}:calm"} for name in ("system", "disk")}


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app's"]


def calm() -> None:
    """In place of the checks of this machine, whose state is no test's."""


@pytest.fixture
def guarded() -> Iterator[Callable[..., App]]:
    made: list[Guard] = []

    def build(**tables: Any) -> App:
        health = tables.pop("health", {})
        health["checks"] = {**CALM, **health.get("checks", {})}
        made.append(Guard(validator(app), {**tables, "health": health, "admin": {"token": TOKEN}}))
        outside: App = validator(made[-1])
        return outside

    yield build
    stop_monitors(made)


def document(app: App, path: str) -> tuple[int, Any]:
    made = serve(app, request(path, **BEARER))
    assert made.error is None
    return made.code, json.loads(made.body)


def part(app: App, name: str) -> Any:
    return document(app, f"/health/check/{name}")[1]["checks"][name][0]


def test_postgres_is_watched_through_its_outages(guarded: Callable[..., App], private_postgres: Postgres) -> None:
    checks = {"postgres": {"type": "postgres", "tier": "ready", "timeout": 1.0}}
    app = guarded(pools={"main": {"url": private_postgres.url}}, health={"interval": 0.1, "checks": checks})
    for harm, heal in (
        (private_postgres.kill, private_postgres.start),
        (private_postgres.freeze, private_postgres.thaw),
    ):
        until(lambda: document(app, "/readyz") == (200, {"status": "pass"}))
        harm()
        until(lambda: document(app, "/readyz") == (503, {"status": "fail", "output": "a check fails"}))
        assert document(app, "/health") == (503, {"status": "fail"})
        assert document(app, "/livez") == (200, {"status": "pass"})
        assert serve(app, request("/")).body == b"the app's"
        heal()
    until(lambda: document(app, "/health") == (200, {"status": "pass"}))


def test_store_that_is_away_shows_until_it_is_back(guarded: Callable[..., App], redis_server: Redis) -> None:
    rules = [{"name": "all", "limit": "1000000 per hour"}]
    app = guarded(rate_limit={"store": redis_server.url, "rules": rules}, health={"interval": 0.1})
    assert serve(app, request("/")).code == 200
    assert part(app, "guard:rate_limit")["status"] == "pass"
    redis_server.kill()
    assert serve(app, request("/")).code == 200
    degraded = part(app, "guard:rate_limit")
    assert degraded["status"] == "warn"
    assert degraded["output"]
    redis_server.start()

    def recovered() -> bool:
        assert serve(app, request("/")).code == 200
        return bool(part(app, "guard:rate_limit")["status"] == "pass")

    until(recovered)


def test_file_drains_while_it_exists(guarded: Callable[..., App], tmp_path: Path) -> None:
    file = tmp_path / "draining"
    app = guarded(guard={"drain_file": str(file)})
    for _ in range(2):
        assert document(app, "/readyz") == (200, {"status": "pass"})
        file.touch()
        assert document(app, "/readyz") == (503, {"status": "fail", "output": "draining"})
        assert document(app, "/livez")[0] == 200
        assert serve(app, request("/")).body == b"the app's"
        file.unlink()


def test_enforced_rules_spare_two_thousand_probes(guarded: Callable[..., App]) -> None:
    rules = [{"name": "all", "limit": "1 per hour"}, {"name": "health", "path": "/{rest+}", "limit": "1 per hour"}]
    app = guarded(guard={"defaults": "enforce"}, rate_limit={"store": "memory", "rules": rules})
    until(lambda: document(app, "/health") == (200, {"status": "pass"}))
    for _ in range(500):
        for path in ("/livez", "/readyz", "/health", "/health/check/disk"):
            assert serve(app, request(path, **BEARER)).code == 200
    assert [serve(app, request("/shop")).code for _ in range(2)] == [200, 429]


def test_interpreter_with_a_guard_exits_in_silence() -> None:
    program = """
import io
from wsgi_guard import Guard

def app(environ, start_response):
    start_response("200 OK", [])
    return [b""]

guard = Guard(app, {"health": {"interval": 0.1}})
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/livez", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO()}
print(b"".join(guard(environ, lambda *head: None)).decode())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, '{"status": "pass"}')
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["INFO"] * 3
    assert "rate limits are counted in" in lines[1]["message"]
