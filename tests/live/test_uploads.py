"""Bodies of requests: the app reads the client's bytes, with a length, in chunks, partly or not at all."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from .servers import Running
from .wire import Answer, Ended

pytestmark = pytest.mark.live

# Servers that decode a chunked request and say so; of the others none reads it.
DECODING = {"gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gunicorn-preload", "waitress", "werkzeug"}
# These wait for a body without saying that they do.
WITHOUT_INTERIM = {"wsgiref", "uwsgi"}
# The full guard reads the first two, looking for threats, and leaves the third alone.
TYPES = ["application/json", "application/x-www-form-urlencoded", "application/octet-stream"]
SMALL = json.dumps({"text": "ä" * 500}).encode()


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def outcome(site: Running, path: str, headers: dict[str, str], body: bytes) -> Any:
    """What the app said it read, or how the server refused."""
    try:
        answer = site.ask("POST", path, headers, body)
    except Ended:
        return "hung up"
    return json.loads(answer.body) if answer.status == 200 else answer.line


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("size", [0, 1, 1000, 300_000])
def test_app_reads_body_with_length(sites: dict[str, Running], guard: str, kind: str, size: int) -> None:
    body = (SMALL * (size // len(SMALL) + 1))[:size]
    headers = {"Content-Type": kind, "Content-Length": str(size)}
    seen = outcome(sites[guard], "/echo", headers, body)
    assert seen["sha256"] == hashlib.sha256(body).hexdigest()
    assert seen == outcome(sites["bare"], "/echo", headers, body)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("size", [1, 1000, 300_000])
def test_app_reads_chunked_body(sites: dict[str, Running], server: str, guard: str, kind: str, size: int) -> None:
    body = (SMALL * (size // len(SMALL) + 1))[:size]
    headers = {"Content-Type": kind, "Transfer-Encoding": "chunked"}
    data = chunked(body, 4096)
    seen = outcome(sites[guard], "/echo", headers, data)
    assert seen == outcome(sites["bare"], "/echo", headers, data)
    if server in DECODING:
        assert seen["sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("kind", TYPES)
def test_app_reads_lines_and_rest(sites: dict[str, Running], guard: str, kind: str) -> None:
    body = b'{"a":\n1,\n"b":\n2}\n'
    right = ['{"a":\n', "1,\n", '"b":\n', "2}\n"]
    seen, bare = (outcome(sites[name], "/lines", {"Content-Type": kind}, body) for name in (guard, "bare"))
    # A stream that the guard has read is better than some servers' own.
    assert seen in (bare, right)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("path", ["/partly", "/unread"])
def test_app_may_leave_body_unread(sites: dict[str, Running], guard: str, kind: str, path: str) -> None:
    expected = {"/partly": SMALL[:10].decode(), "/unread": "unread"}[path]
    assert outcome(sites["bare"], path, {"Content-Type": kind}, SMALL) == expected
    assert outcome(sites[guard], path, {"Content-Type": kind}, SMALL) == expected


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/interim", "application/json"),
        ("/interim", "application/octet-stream"),
        ("/unread", "application/octet-stream"),
    ],
)
def test_interim_answer_as_bare(sites: dict[str, Running], server: str, guard: str, path: str, kind: str) -> None:
    """`100 Continue` comes when it came without the guard; where nobody reads the body it may never come."""
    assert _expecting(sites[guard], path, kind, server) == _expecting(sites["bare"], path, kind, server)


def _expecting(site: Running, path: str, kind: str, server: str) -> tuple[str, int, bytes]:
    """The first status line while no byte of the body has been sent, then the final status and body."""
    with site.connect() as wire:
        headers = {"Content-Type": kind, "Content-Length": "5", "Expect": "100-continue", "Connection": "close"}
        wire.ask("POST", path, headers)
        if server in WITHOUT_INTERIM:
            wire.send(b"[1,2]")
        first, fields = wire.head()
        if first.split(" ")[1] != "100":
            body, _ = wire.body("POST", first, fields)
            return first, int(first.split(" ")[1]), body
        wire.send(b"[1,2]")
        answer = wire.answer("POST")
        return first, answer.status, answer.body


def test_short_json_body_is_refused(sites: dict[str, Running], server: str) -> None:
    """The full guard reads such a body before the app does, and less than announced is malformed."""
    found = _cut_short(sites["full"], "application/json")
    assert found == "hung up" or found[0] == 400


def test_short_body_as_bare(sites: dict[str, Running], guard: str) -> None:
    """A client that announces more than it sends and stops: what the app gets of it is the server's affair."""
    bare, guarded = _cut_short(sites["bare"]), _cut_short(sites[guard])
    if guard == "full" and bare == "hung up" and isinstance(guarded, tuple):
        # uWSGI's stream raises in the app; the full guard answers what an app raises.
        assert guarded[0] == 500
    else:
        assert guarded == bare


def _cut_short(site: Running, kind: str = "application/octet-stream") -> str | tuple[int | str, bytes]:
    with site.connect() as wire:
        headers = {"Content-Type": kind, "Content-Length": "1000", "Connection": "close"}
        wire.ask("POST", "/echo", headers, b"only this")
        wire.finish_sending()
        try:
            answer: Answer = wire.answer("POST")
        except Ended:
            return "hung up"
        return answer.status, answer.body
