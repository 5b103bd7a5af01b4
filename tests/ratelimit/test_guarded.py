"""Limits through a whole guard, the WSGI validator on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from wsgiref.validate import validator

import pytest

from tests.ratelimit.support import gone, threads
from tests.support.calling import Server, request, serve
from tests.support.redis import Redis
from wsgi_guard import ConfigurationError, Guard, rate_limit


@rate_limit("work")
def work() -> None:
    """What costs."""


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/hidden":
        try:
            work()
        except Exception:
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"the framework's own page"]
    if environ["PATH_INFO"] == "/work":
        work()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]


RULES = [
    {"name": "work", "path": [], "limit": "1 per hour"},
    {"name": "login", "path": "/login", "methods": ["POST"], "limit": ["2/5m", "100/d"]},
]


def _call(guard: Guard, path: str, method: str = "GET", **keys: Any) -> Server:
    found = serve(validator(guard), request(path, method, **keys))
    assert found.error is None
    return found


def _guard(**settings: Any) -> Guard:
    return Guard(validator(app), {"rate_limit": {"rules": RULES, **settings}})


def test_flood_is_answered_with_429() -> None:
    guard = _guard()
    codes = [_call(guard, "/login", "POST").code for _ in range(4)]
    assert codes == [200, 200, 429, 429]
    answer = _call(guard, "/login", "POST")
    assert answer.header("Content-Type") == "application/problem+json"
    document = json.loads(answer.body)
    assert document["violated-policies"] == ["login:300s"]
    assert document["request_id"] == answer.header("X-Request-ID")
    assert (answer.header("RateLimit") or "").startswith(f'"login:300s";r=0;t={answer.header("Retry-After")}')
    assert _call(guard, "/").header("RateLimit") is None


@pytest.mark.parametrize("path", ["/work", "/hidden"])
def test_refused_function_answers_429_whoever_catches_it(path: str) -> None:
    guard = _guard()
    assert _call(guard, path).code == 200
    answer = _call(guard, path)
    assert answer.code == 429
    assert json.loads(answer.body)["violated-policies"] == ["work"]
    assert answer.header("RateLimit") is not None
    assert answer.header("X-Error-ID") is None


def test_probes_are_never_limited() -> None:
    guard = Guard(app, {"rate_limit": {"rules": [{"name": "all", "limit": "5 per hour"}]}})
    assert {serve(guard, request("/livez")).code for _ in range(2000)} == {200}
    assert [serve(guard, request("/")).code for _ in range(6)] == [200] * 5 + [429]


def test_lost_redis_shows_and_hurts_nobody(redis_server: Redis) -> None:
    guard = _guard(store=redis_server.url)
    assert _call(guard, "/login", "POST").code == 200
    redis_server.kill()
    assert [_call(guard, "/login", "POST").code for _ in range(3)] == [200, 200, 429]


def test_strict_rule_answers_503_without_store(redis_server: Redis) -> None:
    guard = _guard(store=redis_server.url, on_store_failure="deny")
    redis_server.kill()
    for path in ("/work", "/hidden"):
        answer = _call(guard, path)
        assert answer.code == 503
        assert answer.header("Retry-After") is not None


def test_dropped_guard_leaves_no_thread(redis_server: Redis) -> None:
    known = {name: threads(name) for name in ("leases", "news")}
    rules = [*RULES, {"name": "busy", "limit": "5 at once", "algorithm": "concurrency"}]
    guard = _guard(store=redis_server.url, rules=rules)
    assert [_call(guard, "/login", "POST").code for _ in range(4)] == [200, 200, 429, 429]
    started = [thread for name, before in known.items() for thread in threads(name) - before]
    assert sorted(thread.name for thread in started) == ["wsgi_guard-leases", "wsgi_guard-news"]
    del guard
    for thread in started:
        gone(thread)


def test_wrong_rules_stop_the_start() -> None:
    rules = [{"name": "a", "path": "/a/{x", "limit": "1/h"}, {"name": "b", "limit": "1/h", "key": "no_module:who"}]
    with pytest.raises(ConfigurationError) as caught:
        Guard(app, {"rate_limit": {"rules": rules}})
    assert "'a'" in str(caught.value)
    assert "no_module" in str(caught.value)


def test_rule_for_nothing_but_the_guards_own_paths_is_told_of() -> None:
    rules = [{"name": "probes", "path": ["/livez", "/readyz"], "limit": "1 per hour"}]
    guard = Guard(app, {"rate_limit": {"rules": rules, "store": "memory"}})
    [limit] = [layer for layer in guard.stack.full.layers if layer.name == "rate_limit"]
    [note] = [note for note in limit.notes if "'probes'" in note]  # type: ignore[attr-defined]
    assert "never limits anybody: the guard answers its paths itself" in note
