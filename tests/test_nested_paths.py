"""A guard inside another leaves health to the outer one, and so has no paths of its own that nobody looks at."""

from __future__ import annotations

from typing import Any

from tests.support.calling import request
from wsgi_guard import Guard

INNER = {
    "rate_limit": {"store": "memory", "builtin_rules": "off", "rules": [{"name": "all", "limit": "2 per hour"}]},
    "validation": {"threats": {"mode": "block"}},
}
OUTER = {"rate_limit": {"builtin_rules": "off"}, "validation": {"threats": {"mode": "off"}}}


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def codes(guard: Any, path: str, query: str = "", times: int = 1) -> list[str]:
    found: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        found.append(status[:3])

    for _ in range(times):
        environ = request(path)
        environ["QUERY_STRING"] = query
        body = guard(environ, start_response)
        b"".join(body)
        if hasattr(body, "close"):
            body.close()
    return found


def mounted() -> Guard:
    inner = Guard(app, INNER)

    def dispatch(environ: dict[str, Any], start_response: Any) -> Any:
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/shop", environ["PATH_INFO"].removeprefix("/shop")
        return inner(environ, start_response)

    return Guard(dispatch, OUTER)


def test_inner_health_paths_are_limited() -> None:
    assert codes(mounted(), "/shop/livez", times=4) == ["200", "200", "429", "429"]


def test_inner_health_paths_are_screened() -> None:
    assert codes(mounted(), "/shop/livez", "q=%3Cscript%3Ealert(1)%3C/script%3E") == ["403"]


def test_outer_health_paths_stay_free() -> None:
    assert codes(Guard(app, INNER), "/livez", times=5) == ["200"] * 5
