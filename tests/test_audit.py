"""The audit trail: every denial, block, threat, admin action and load of settings: who, what, rule and decision id."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import request, serve
from tests.support.listening import listening
from wsgi_guard import Guard
from wsgi_guard.errors import Refused
from wsgi_guard.ratelimit.reports import BURST

TOKEN = "0123456789abcdef"
BEARER = f"Bearer {TOKEN}"
CLIENT = "192.0.2.1"
FORM = "application/x-www-form-urlencoded"


class Trail(logging.Handler):
    """What `wsgi_guard.audit` was told."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.entries.append({**vars(record)["audit"], "level": record.levelname, "said": record.getMessage()})

    def decisions(self, verdict: str) -> list[tuple[str, str]]:
        told = [one for entry in self.entries for one in entry["decisions"] if one["verdict"] == verdict]
        return [(one["layer"], one["rule"]) for one in told]


@pytest.fixture
def trail() -> Iterator[Trail]:
    with listening(Trail(), "wsgi_guard.audit") as trail:
        yield trail


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/forbidden":
        raise Refused(403, "not yours")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders/POST.json").write_text(json.dumps({"type": "object", "required": ["id"]}))
    rules = [
        {"name": "login", "path": "/login", "limit": "2 per hour", "key": "ip"},
        {"name": "once", "path": "/once", "limit": "1 per hour", "key": "ip", "block": "1 hour"},
        {"name": "keyed", "path": [], "limit": "5 per hour", "key": "api_key"},
        {"name": "maybe", "path": "/maybe", "limit": "1 per hour", "key": "ip", "mode": "shadow"},
    ]
    return Guard(app, {
        "rate_limit": {"store": "memory", "builtin_rules": "off", "rules": rules, "deny": ["198.51.100.0/24"]},
        "validation": {"schemas": str(tmp_path), "max_body": 100, "max_url": 100, "threats": {"mode": "block"}},
        "guard": {"trusted_proxies": [], "identity": f"{__name__}:who"}, "admin": {"token": TOKEN}, "health": {},
    })  # fmt: skip


def who(environ: dict[str, Any]) -> str:
    return "alice"


def posted(path: str, body: bytes, kind: str = "application/json", **more: str) -> dict[str, Any]:
    return request(path, "POST", body, CONTENT_TYPE=kind, **more)


DENIED: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("an address on the deny list", request("/", REMOTE_ADDR="198.51.100.9"), 403, "rate_limit", "deny"),
    ("a body that does not fit", posted("/orders", b"{}"), 400, "validation", "schema"),
    ("a body that is too long", posted("/orders", b" " * 200), 413, "validation", "body"),
    ("a body that is no JSON", posted("/orders", b"{"), 400, "validation", "parse"),
    ("another type", posted("/orders", b"a=b", FORM), 415, "validation", "type"),
    ("a URL that is too long", request("/", QUERY_STRING="a" * 200), 414, "validation", "url"),
    ("an attack in the query", request("/", QUERY_STRING="q=' OR 1=1 --"), 403, "validation", "sqli"),
    ("an attack in a form", posted("/", b"q=<script>alert(1)</script>", FORM), 403, "validation", "xss"),
    ("an admin path without the token", request("/admin/errors/stats"), 401, "admin", "admin"),
    ("an admin path by a wrong method", request("/admin/errors/stats", "POST", HTTP_AUTHORIZATION=BEARER), 405, "admin",
     "method"),
    ("a health page without the token", request("/health/detailed"), 401, "health", "admin"),
    ("a probe by a wrong method", request("/livez", "POST"), 405, "health", "method"),
    ("a refusal out of the app", request("/forbidden"), 403, "app", ""),
]  # fmt: skip


def test_table_of_denials_is_whole() -> None:
    assert len(DENIED) == 13


@pytest.mark.parametrize(
    ("environ", "code", "layer", "rule"), [one[1:] for one in DENIED], ids=[one[0] for one in DENIED]
)
def test_denial_is_told_with_who_what_and_why(
    environ: dict[str, Any], code: int, layer: str, rule: str, guard: Guard, trail: Trail
) -> None:
    answer = serve(guard, environ)
    assert answer.code == code
    entry = trail.entries[-1]
    [decision] = [one for one in entry["decisions"] if one["verdict"] == "deny"]
    assert (decision["layer"], decision["rule"]) == (layer, rule)
    assert decision["id"].startswith(str(answer.header("X-Request-ID")) + "-")
    assert decision["reason"]
    assert (entry["client"], entry["path"], entry["method"], entry["identity"]) == (
        environ["REMOTE_ADDR"], environ["PATH_INFO"], environ["REQUEST_METHOD"], "alice",
    )  # fmt: skip
    assert (entry["status"], entry["level"], entry["request_id"]) == (
        code, "WARNING", answer.header("X-Request-ID"),
    )  # fmt: skip


def test_each_denial_of_a_limit_is_told_and_a_flood_is_counted(guard: Guard, trail: Trail) -> None:
    codes = [serve(guard, request("/login")).code for _ in range(50)]
    assert codes == [200] * 2 + [429] * 48
    denied = [entry for entry in trail.entries if entry["client"] is not None]
    # Those that the store gave, as many more as a burst holds, and from then on one a minute.
    assert 1 + BURST <= len(denied) <= 2 + BURST
    assert set(trail.decisions("deny")) == {("rate_limit", "login")}
    assert len({entry["decisions"][0]["id"] for entry in denied}) == len(denied)
    assert {entry["identity"] for entry in denied} == {"alice"}


def test_block_is_told(guard: Guard, trail: Trail) -> None:
    assert [serve(guard, request("/once")).code for _ in range(3)] == [200, 429, 429]
    reasons = [one["reason"] for entry in trail.entries for one in entry["decisions"] if one["rule"] == "once"]
    assert reasons == ["the key is blocked"] * 2


def test_what_a_shadow_would_have_done_is_told(guard: Guard, trail: Trail) -> None:
    assert [serve(guard, request("/maybe")).code for _ in range(2)] == [200, 200]
    assert trail.decisions("shadow") == [("rate_limit", "maybe")]


ACTS: list[tuple[str, dict[str, str], str, str]] = [
    ("block", {"rule": "login", "key": CLIENT, "duration": "5 minutes"}, "block for 300 s", f"key {CLIENT}"),
    ("unblock", {"rule": "login", "key": CLIENT}, "unblock", f"key {CLIENT}"),
    ("reset", {"rule": "login", "key": CLIENT}, "reset", f"key {CLIENT}"),
    ("block", {"rule": "keyed", "key": "xyzzy-partner"}, "block for 3600 s", "key #"),
]


@pytest.mark.parametrize(("act", "sent", "reason", "evidence"), ACTS)
def test_act_of_an_admin_is_told(
    act: str, sent: dict[str, str], reason: str, evidence: str, guard: Guard, trail: Trail
) -> None:
    body = json.dumps(sent).encode()
    answer = serve(guard, posted(f"/admin/rate-limits/{act}", body, HTTP_AUTHORIZATION=BEARER))
    assert answer.code == 200
    entry = trail.entries[-1]
    decision = next(one for one in entry["decisions"] if one["layer"] == "rate_limit")
    assert (decision["verdict"], decision["rule"], decision["reason"]) == ("act", sent["rule"], reason)
    assert decision["evidence"].startswith(evidence)
    assert (entry["client"], entry["level"]) == (CLIENT, "INFO")
    assert "xyzzy" not in json.dumps(trail.entries)
    assert TOKEN not in json.dumps(trail.entries)


def test_act_of_the_app_itself_is_told(guard: Guard, trail: Trail) -> None:
    guard.limits.block("login", CLIENT, 60)
    [entry] = [entry for entry in trail.entries if entry["decisions"][0]["verdict"] == "act"]
    assert (entry["client"], entry["pid"]) == (None, os.getpid())
    assert entry["decisions"][0]["reason"] == "block for 60 s"
    assert len(entry["decisions"][0]["id"]) == 32


def test_settings_and_schemas_that_are_loaded_are_told(tmp_path: Path, trail: Trail) -> None:
    guard = Guard(app, {"health": {}})
    serve(guard, request("/"))
    [entry] = trail.entries
    assert (entry["client"], entry["decisions"][0]["layer"], entry["decisions"][0]["verdict"]) == (
        None, "settings", "load",
    )  # fmt: skip
    assert entry["pid"] == os.getpid()
    assert "argument" in entry["decisions"][0]["reason"]


def test_no_text_of_a_client_forges_an_entry(guard: Guard, trail: Trail) -> None:
    serve(guard, request("/login\r\nWARNING forged", QUERY_STRING="q=%0d%0a' OR 1=1 --"))
    assert all(len(entry["said"].splitlines()) == 1 for entry in trail.entries)
