"""A live log run again: gunicorn's own decisions, request by request, from its access lines alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wsgi_guard.cli import main

from .servers import Running, running

pytestmark = pytest.mark.live

APP = """
def app(environ, start_response):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    wrong = environ["PATH_INFO"] == "/login" and "wrong" in environ["QUERY_STRING"]
    start_response("401 Unauthorized" if wrong else "200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
SETTINGS = """
[guard]
trusted_proxies = []
[log]
file = "guard.log"
[rate_limit]
builtin_rules = "off"
{store}
[[rate_limit.rules]]
name = "limited"
path = "/limited"
limit = "5 per minute"
[[rate_limit.rules]]
name = "login"
path = "/login"
limit = "3 per hour"
algorithm = "sliding-log"
count = [401]
block = "10 minutes"
[[rate_limit.rules]]
name = "bucket"
path = "/bucket/{{rest+}}"
limit = "4 per 2 seconds"
algorithm = "token-bucket"
[validation]
schemas = "schemas"
[validation.threats]
mode = "block"
modes.ldap = "shadow"
"""
SCHEMAS = {
    "orders/GET.query.json": {"properties": {"page": {"type": "integer"}}, "required": ["page"]},
    "orders/POST.json": {"properties": {"n": {"type": "integer"}}},
    "users/{id}/GET.path.json": {"properties": {"id": {"type": "integer"}}},
}
JSON = {"Content-Type": "application/json"}
Sent = tuple[str, str, dict[str, str], bytes]
SENT: tuple[Sent, ...] = (
    *[("GET", "/limited", {}, b"")] * 8,
    *[("GET", f"/login?{word}=1", {}, b"") for word in ("right", "wrong", "wrong", "right", "wrong", "wrong", "right")],
    *[("GET", f"/bucket/{at}?q=a%20b", {}, b"") for at in range(7)],
    ("GET", "/orders?page=2", {}, b""), ("GET", "/orders?page=two", {}, b""), ("GET", "/orders", {}, b""),
    ("POST", "/orders", JSON, b'{"n": 1}'), ("POST", "/orders", JSON, b'{"n": "x"}'), ("POST", "/orders", JSON, b"{"),
    ("POST", "/orders", {"Content-Type": "text/plain"}, b"n"),
    ("GET", "/users/7", {}, b""), ("GET", "/users/me", {}, b""),
    ("GET", "/x?q=%27%20or%20%271%27%3D%271", {}, b""), ("GET", "/x?q=%2527%2520or%25201%253D1--%2520-", {}, b""),
    ("GET", "/x?q=<script>alert(1)</script>", {}, b""), ("GET", "/a/..%2f..%2f..%2fetc/passwd", {}, b""),
    ("GET", "/%3Cscript%3Ealert(1)%3C%2Fscript%3E%3Fx", {}, b""), ("GET", "/x?u=*)(uid=*))(|(uid=*", {}, b""),
    ("GET", "/x?password=%27%20or%201=1--%20", {}, b""), ("GET", "/x?q=caf%C3%A9&token=hush%20hush", {}, b""),
    ("GET", "/x", {"User-Agent": "<script>alert(1)</script>"}, b""), ("GET", "/x", {"Cookie": "a=1' or '1'='1"}, b""),
    ("POST", "/x", JSON, json.dumps({"a": "1' or '1'='1"}).encode()), ("GET", "/caf%C3%A9?q=%zz&&", {}, b""),
    ("GET", "/livez", {}, b""), ("PURGE", "/x?q=" + "word+" * 300, {}, b""),
)  # fmt: skip


@pytest.fixture(params=["gunicorn-sync", "gunicorn-gthread"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    (tmp_path / "shop.py").write_text(APP)
    # One counts in the memory that workers share, the other in its own.
    store = 'store = "memory"' if request.param == "gunicorn-gthread" else ""
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS.format(store=store))
    for name, schema in SCHEMAS.items():
        (tmp_path / "schemas" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "schemas" / name).write_text(json.dumps(schema))
    monkeypatch.chdir(tmp_path)
    options = ("--chdir", str(tmp_path), "-c", "python:wsgi_guard.gunicorn")
    with running(request.param, "shop:app", options=options, folder=tmp_path) as site:
        yield site


def access_lines() -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in Path("guard.log").read_text().splitlines()]
    return [line for line in lines if line["logger"] == "wsgi_guard.access"]


def counted(lines: list[dict[str, Any]]) -> dict[tuple[str, str, str], int]:
    """Requests by what was decided about them; a limit that denies again and again is named once a minute."""
    found: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        decided = {(one["verdict"], one["layer"], one["rule"]) for one in line.get("decisions", ())}
        if line["status"] == 429 and not decided:
            decided = {("deny", "rate_limit", line["path"].split("/")[1])}
        found.update(decided)
    return found


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_live_log_is_decided_again_as_it_was(site: Running, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [site.ask(*sent) for sent in SENT]
    lines = access_lines()
    assert [line["status"] for line in lines] == [answer.status for answer in answers]
    found = told(capsys, "replay", "guard.log")
    assert found["requests"] == len(SENT)
    assert (found["unlike"], found["not_understood"]) == ([], 0)
    assert (found["refused_now_not_then"], found["refused_then_not_now"]) == (0, 0)
    assert found["refused"] == sum(status in (400, 403, 415, 429) for status in (one.status for one in answers)) > 20
    rows = {(row["verdict"], row["layer"], row["rule"]): row["requests"] for row in found["decisions"]}
    assert rows == counted(lines)
    assert len(found["decisions"]) == 10
    # In bodies three by a schema and one attack, in headers two, under a secret name one.
    assert found["as_then"] == 7
    assert "hush" not in Path("guard.log").read_text()


def test_a_decision_of_the_log_is_explained(site: Running, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(site.get("/x?q=%27%20or%20%271%27%3D%271").body)
    for wanted in (answer["decision"], answer["request_id"]):
        found = told(capsys, "explain", "--log", "guard.log", "--id", wanted)
        then = [(one["id"], one["rule"], one["part"]) for one in found["then"]]
        assert then == [(answer["decision"], "sqli", "query")]
        assert found["then"][0]["reason"].startswith("query/q ")
        assert found["answer"]["status"].startswith("403")
        assert [one["rule"] for layer in found["layers"] for one in layer["decisions"]] == ["sqli"]
