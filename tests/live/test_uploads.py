"""Bodies of requests: the app reads the client's bytes, with a length, in chunks, partly or not at all."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from .events import Events
from .servers import Running
from .wire import Answer, Ended

pytestmark = pytest.mark.live

# Servers that decode a chunked request and say so; of the others none reads it.
DECODING = {"gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gunicorn-preload", "waitress", "werkzeug"}
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
    body = b'{"a":\n1,\n"b":\n2}'
    seen = outcome(sites[guard], "/lines", {"Content-Type": kind}, body)
    assert seen == ['{"a":\n', "1,\n", '"b":\n', "2}"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("path", ["/partly", "/unread"])
def test_app_may_leave_body_unread(sites: dict[str, Running], guard: str, kind: str, path: str) -> None:
    expected = {"/partly": SMALL[:10].decode(), "/unread": "unread"}[path]
    assert outcome(sites["bare"], path, {"Content-Type": kind}, SMALL) == expected
    assert outcome(sites[guard], path, {"Content-Type": kind}, SMALL) == expected


def test_interim_answer_as_bare(sites: dict[str, Running], guard: str, events: Events, token: str) -> None:
    """`100 Continue` comes no earlier and no later than without the guard, and not at all to a route that asks not."""
    assert _expecting(sites[guard], "/interim") == _expecting(sites["bare"], "/interim")
    assert _expecting(sites[guard], "/unread") == _expecting(sites["bare"], "/unread")


def _expecting(site: Running, path: str) -> tuple[str, int, bytes]:
    """The first status line while no byte of the body has been sent, then the final status and body."""
    with site.connect() as wire:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": "5", "Expect": "100-continue"}
        wire.ask("POST", path, {**headers, "Connection": "close"})
        first, fields = wire.head()
        if first.split(" ")[1] != "100":
            body, _ = wire.body("POST", first, fields)
            return first, int(first.split(" ")[1]), body
        wire.send(b"hello")
        answer = wire.answer("POST")
        return first, answer.status, answer.body


def test_short_body_as_bare(sites: dict[str, Running], guard: str) -> None:
    """A client that announces more than it sends and stops: what the app gets of it is the server's affair."""
    assert _cut_short(sites[guard]) == _cut_short(sites["bare"])


def _cut_short(site: Running) -> str | tuple[int, bytes]:
    with site.connect() as wire:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": "1000", "Connection": "close"}
        wire.ask("POST", "/echo", headers, b"only this")
        wire.finish_sending()
        try:
            answer: Answer = wire.answer("POST")
        except Ended:
            return "hung up"
        return answer.status, answer.body
