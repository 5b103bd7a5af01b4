"""`wsgi-guard limits --url`: the token goes to the server that was named, and whatever that does, an answer comes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from time import monotonic

import pytest

from tests.capture.alerts.receivers import certificate
from tests.support.answering import answering, response
from wsgi_guard import operate
from wsgi_guard.cli import main

TOKEN = b"a-token-of-some-length"
STATUS = response("200 OK", b'{"rules": []}', "application/json")
BLOCK = ("block", "pages", "ada", "--for", "2 minutes")


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wsgi_guard.toml").write_text(f'[admin]\ntoken = "{TOKEN.decode()}"\n')


def limits(url: str, *arguments: str) -> int:
    return main(["limits", *arguments, "--url", url])


def test_status_and_commands_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(STATUS) as (url, asked):
        assert limits(url, "status", "--plain") == 0
        assert json.loads(capsys.readouterr().out) == {"rules": []}
        assert limits(url, *BLOCK) == 0
    assert asked[0].startswith(b"GET /admin/rate-limits/status?keys=plain HTTP/1.1\r\n")
    assert asked[1].startswith(b"POST /admin/rate-limits/block HTTP/1.1\r\n")
    assert all(b"\r\nAuthorization: Bearer " + TOKEN + b"\r\n" in text for text in asked)
    command = json.loads(asked[1].partition(b"\r\n\r\n")[2])
    assert command == {"rule": "pages", "key": "ada", "duration": 120}


def test_block_is_never_shorter_than_asked_for() -> None:
    with answering(STATUS) as (url, asked):
        assert limits(url, "block", "pages", "ada", "--for", "1500 ms") == 0
    assert json.loads(asked[0].partition(b"\r\n\r\n")[2])["duration"] == 2


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("arguments", [("status",), BLOCK], ids=["status", "block"])
def test_redirect_does_not_carry_the_token_away(
    status: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(STATUS) as (other, elsewhere):
        moved = response(status, b"", more=f"Location: {other}/\r\n")
        with answering(moved) as (url, asked):
            assert limits(url, *arguments) == 1
    assert (len(asked), elsewhere) == (1, [])
    assert capsys.readouterr().err.startswith(f"the server answered {status[:3]}: it leads elsewhere")


def test_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(STATUS) as (proxy, seen), answering(STATUS) as (url, asked):
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        assert limits(url, "status") == 0
        assert limits(url, *BLOCK) == 0
    assert (len(asked), seen) == (2, [])


def test_certificate_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tls = certificate(tmp_path)
    with answering(STATUS, tls=tls) as (url, asked):
        assert limits(url, "status") == 1
        assert asked == []
        assert capsys.readouterr().err.startswith("no answer of a server: SSLCertVerificationError: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
        assert limits(url, "status") == 0


def test_silence_and_dripping_end_in_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(operate, "TIMEOUT", 0.3)
    began = monotonic()
    with answering(b"HTTP/1.1 200 OK\r\nX: ", *[b"y"] * 100, pause=0.05) as (url, _):
        assert limits(url, "status") == 1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert limits(f"http://127.0.0.1:{silent.getsockname()[1]}", *BLOCK) == 1
    assert monotonic() - began < 3.0
    assert capsys.readouterr().err == "no answer within 0.3 s\n" * 2


NOT_OURS = [
    response("200 OK", b"<html>", "text/html"),
    response("200 OK", b"[" * 100_000),
    response("200 OK", b'"' + b"x" * 5_000_000 + b'"'),
    b"SSH-2.0-OpenSSH\r\n",
    b"",
]


@pytest.mark.parametrize("sent", NOT_OURS, ids=["html", "deep", "huge", "ssh", "nothing"])
def test_other_answers_are_none(sent: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(sent) as (url, _):
        assert limits(url, "status") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("no answer of a ")
    assert len(told.err) < 200


def test_reason_of_a_refusal_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    detail = json.dumps({"detail": "no such rule \x1b[2J\n" + "x" * 9_000}).encode()
    for sent in (response("404 Not Found", detail), response("401 Unauthorized", b"[]"), response("599 Odd", b"")):
        with answering(sent) as (url, _):
            assert limits(url, *BLOCK) == 1
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith("the server answered 404: no such rule \\x1b[2J\\nxxx")
    assert len(first) < 600
    assert rest == ["the server answered 401: Unauthorized", "the server answered 599: no reason given"]


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "file:///etc/passwd", "ftp://127.0.0.1/", "http://", "http://a:b/"])
def test_other_urls_are_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert limits(url, "status") == 1
    assert capsys.readouterr().err == "expected a URL that starts with http:// or https:// and names a host\n"
