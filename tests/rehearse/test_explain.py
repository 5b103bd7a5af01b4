"""What `wsgi-guard explain` says of a request is what the guard does with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import serve
from wsgi_guard import Guard
from wsgi_guard.cli import main
from wsgi_guard.rehearse.request import environ_of, of_flags, of_raw

SETTINGS = """
[guard]
defaults = "enforce"

[rate_limit]
builtin_rules = "off"
deny = ["203.0.113.0/24"]

[[rate_limit.rules]]
name = "none"
path = "/none"
limit = "0 per hour"

[[rate_limit.rules]]
name = "health"
path = "/livez"
exempt = true

[[rate_limit.rules]]
name = "all"
limit = ["5 per second", "100 per hour"]

[validation]
schemas = "schemas"
"""
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
JSON = "Content-Type: application/json"
CASES: list[tuple[list[str], int, str]] = [
    (["/"], 200, "app"),
    (["/none"], 429, "rate_limit"),
    (["/", "--client", "203.0.113.9"], 403, "rate_limit"),
    (["/livez"], 200, "health"),
    (["/health"], 200, "health"),
    (["/search?q=1%27%20or%20%271%27=%271"], 403, "validation"),
    (["/files/..%2f..%2fetc/passwd"], 403, "validation"),
    (["/api/orders", "-H", JSON, "-d", '{"n": 1}'], 200, "app"),
    (["/api/orders", "-H", JSON, "-d", '{"n": "x"}'], 400, "validation"),
    (["/api/orders", "-H", JSON, "-d", "{"], 400, "validation"),
    (["/api/orders", "-d", "n=1"], 415, "validation"),
    (["/api/orders", "-X", "POST", "-H", JSON], 400, "validation"),
    (["https://shop.example/api/orders", "-X", "PUT", "-H", JSON, "-d", '{"n": "x"}'], 200, "app"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS)
    (tmp_path / "schemas" / "api" / "orders").mkdir(parents=True)
    (tmp_path / "schemas" / "api" / "orders" / "POST.json").write_text(json.dumps(SCHEMA))
    return tmp_path


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["explain", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def served(arguments: list[str]) -> int:
    """What a guard answers to the same request."""
    url, *rest = arguments
    flags = dict(zip(rest[::2], rest[1::2], strict=True))
    request = of_flags(
        url, method=flags.get("-X"), headers=[flags["-H"]] if "-H" in flags else [],
        data=flags["-d"].encode() if "-d" in flags else None, client=flags.get("--client", "127.0.0.1"),
    )  # fmt: skip

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    return serve(Guard(app), environ_of(request)).code


def test_explain_says_what_a_guard_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, status, layer in CASES:
        found = explained(capsys, *arguments)
        answered = int(found["answer"]["status"][:3]) if found["answer"] else 200
        stopped = next((one["layer"] for one in found["layers"] if one["verdict"] in ("denies", "answers")), "app")
        assert (answered, stopped) == (status, layer), arguments
        assert served(arguments) == status, arguments
    assert len(CASES) == 13


def test_reasons_name_rule_schema_and_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "/none"]) == 0
    assert "none: 0 in 3600 s (sliding-window), over for" in capsys.readouterr().out
    assert main(["explain", "/api/orders", "-H", JSON, "-d", '{"n": "secret-value"}']) == 0
    told = capsys.readouterr().out
    assert "body by api/orders/POST.json" in told
    assert "'type' at '/n'" in told
    assert "secret-value" not in told
    assert main(["explain", "/x?a=%3Cscript%3Ealert(1)%3C/script%3E"]) == 0
    assert "xss: query/a" in capsys.readouterr().out


def test_raw_request_is_explained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = b'{"n": "x"}'
    head = b"POST /api/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n"
    (folder / "request.http").write_bytes(head + body)
    assert explained(capsys, "--raw", "request.http")["answer"]["status"].startswith("400")
    (folder / "request.http").write_bytes(head.replace(b"\r\n", b"\n") + b'{"n": 1}')
    assert explained(capsys, "--raw", "request.http")["answer"] is None


def test_body_of_a_file_and_of_flags_are_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "body.json").write_text('{"n": "x"}')
    found = explained(capsys, "/api/orders", "-H", JSON, "-d", "@body.json")
    assert found["answer"]["status"].startswith("400")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give one of"),
        (["/a", "--raw", "x"], "give one of"),
        (["--id", "abc"], "needs --log"),
        (["ftp://a/b"], "http or https"),
        (["/a", "-H", "no colon"], "'Name: value'"),
        (["/a", "-X", "GE T"], "a method"),
        (["--raw", "missing.http"], "missing.http"),
        (["/a", "--live"], "memory of the running processes"),
    ],
)
def test_wrong_use_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["explain", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert reason in told.err


def test_raw_file_without_request_line_is_refused() -> None:
    with pytest.raises(ValueError, match="request line"):
        of_raw(b"hello\n\nworld")


def test_headers_become_keys_of_the_environ() -> None:
    request = of_flags("/a%20b?c=d", headers=["X-One: 1", "x-one: 2", "Cookie: a=1", "Cookie: b=2"], data=b"x")
    environ = environ_of(request)
    assert environ["PATH_INFO"] == "/a b"
    assert environ["QUERY_STRING"] == "c=d"
    assert environ["HTTP_X_ONE"] == "1,2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["CONTENT_TYPE"] == "application/x-www-form-urlencoded"
    assert environ["CONTENT_LENGTH"] == "1"
    assert environ["REQUEST_METHOD"] == "POST"


def test_decision_is_looked_up_by_its_id(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = {
        "request_id": "0" * 31 + "7", "method": "GET", "path": "/none", "client": "192.0.2.1", "status": 429,
        "decisions": [{"layer": "rate_limit", "verdict": "deny", "rule": "none", "reason": "over 0 in 3600 s"}],
    }  # fmt: skip
    lines = [{"logger": "wsgi_guard.audit", "audit": audit}, {"logger": "x", "message": "0" * 31 + "7"}, ["no", "line"]]
    (folder / "guard.log").write_text("".join(json.dumps(line) + "\n" for line in lines) + "not json " + "0" * 32)
    assert main(["explain", "--id", "0" * 31 + "7", "--log", "guard.log"]) == 0
    assert "then: deny none: over 0 in 3600 s" in capsys.readouterr().out
    assert main(["explain", "--id", "1" * 32, "--log", "guard.log"]) == 1
    assert "no line of" in capsys.readouterr().err


def test_live_counters_are_seen_and_not_charged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wsgi_guard.toml").write_text(
        f'[rate_limit]\nstore = "shared:{folder}/limits"\nbuiltin_rules = "off"\n'
        '[[rate_limit.rules]]\nname = "all"\nlimit = "2 per hour"\n'
    )
    assert explained(capsys, "/", "--live")["limits"][0]["left"] == 2
    guard = Guard(lambda environ, start_response: [], {})
    for _ in range(2):
        assert guard.limits.check("all", "127.0.0.1").allowed
    for _ in range(2):
        found = explained(capsys, "/", "--live")
        assert (found["counters"], found["answer"]["status"][:3]) == ("of the store", "429")
        assert explained(capsys, "/")["answer"] is None
