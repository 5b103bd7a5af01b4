"""What `wsgi-guard health` makes of servers that answer otherwise than a guard does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.support.answering import answering, response
from wsgi_guard.checkup import words
from wsgi_guard.cli import main
from wsgi_guard.errors import GuardError

GOOD = {"status": "warn", "checks": {"a": [{"status": "warn", "output": "slow \x1b[2J\n"}]}}


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    (tmp_path / "wsgi_guard.toml").write_text('[admin]\ntoken = "a-token-of-some-length"\n')


def ask(url: str, *more: str) -> int:
    return main(["health", "--url", url, *more])


@pytest.mark.parametrize(
    ("status", "found", "code"),
    [
        ("200 OK", {"status": "pass"}, 0),
        ("200 OK", {"status": "warn"}, 0),
        ("503 Service Unavailable", {"status": "fail"}, 1),
        ("200 OK", {"status": "well"}, 2),
        ("200 OK", ["pass"], 2),
        ("200 OK", {"status": "pass", "checks": {"a": {}}}, 2),
        ("200 OK", {"status": "pass", "checks": {"a": [{}]}}, 2),
        ("200 OK", {"status": "pass", "checks": ["a"]}, 2),
    ],
)
def test_exit_status_is_the_servers(status: str, found: object, code: int) -> None:
    with answering(response(status, json.dumps(found).encode())) as (url, asked):
        assert ask(url) == code
    assert b"Authorization: Bearer a-token-of-some-length" in asked[0]


@pytest.mark.parametrize(
    "sent",
    [
        response("200 OK", b"<html>", "text/html"),
        response("200 OK", b'{"status": "pass"}', "application/json"),
        response("200 OK", b"[" * 100_000),
        response("502 Bad Gateway", b"", "text/html"),
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"",
    ],
)
def test_other_answers_are_none(sent: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(sent) as (url, _):
        assert ask(url) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("no answer of a ")


def test_redirect_does_not_carry_the_token_away() -> None:
    with answering(response("200 OK", b'{"status": "pass"}')) as (other, asked):
        moved = response("302 Found", b"", more=f"Location: {other}/\r\n")
        with answering(moved) as (url, _):
            assert ask(url) == 2
    assert asked == []


def test_dripping_server_is_given_up_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with answering(b"HTTP/1.1 200 OK\r\nX: ", *[b"y"] * 20, pause=0.05) as (url, _):
        assert ask(url, "--timeout", "0.3") == 2
        assert time.monotonic() - began < 1.5
    assert capsys.readouterr().err == "no answer within 0.3 s\n"


def test_words_steer_no_terminal() -> None:
    assert words(GOOD) == "warn\nwarn  a        slow ?[2J?"
    with pytest.raises(GuardError):
        words({"status": "pass", "checks": {"a": [3]}})
