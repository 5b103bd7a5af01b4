"""Bytes leave when the app makes them, and the app hears when the client is gone."""

from __future__ import annotations

import pytest

from .events import Events, Gate
from .servers import Running

pytestmark = pytest.mark.live

# Reads what is left of a request before it closes the iterable, and gives up at the reset connection.
FORGETS_CLOSE = {"werkzeug"}
# Takes `exc_info` and raises nothing, bytes sent or not.
FORGETS_ERROR = {"uwsgi"}


@pytest.mark.parametrize(
    ("path", "first", "rest"),
    [
        ("/generator", b"first", b"secondthird"),
        ("/iterator", b"first", b"second"),
        ("/write", b"written ", b"twice and returned"),
    ],
)
def test_first_chunk_leaves_before_second_is_made(
    site: Running, gate: Gate, token: str, path: str, first: bytes, rest: bytes
) -> None:
    with site.connect() as wire:
        wire.ask("GET", f"{path}?token={token}&gate={gate.port}", {"Connection": "close"})
        wire.head()
        seen = b""
        while first not in seen:
            piece = wire.read()
            assert piece, f"the connection ended after {seen!r}"
            seen += piece
        gate.reached()
        assert rest[:6] not in seen
        gate.open()
        while piece := wire.read():
            seen += piece
        assert b"".join(part for part in seen.split(b"\r\n") if part.strip(b"0123456789abcdefABCDEF")) == first + rest


def test_close_runs_once_after_last_byte(site: Running, events: Events, token: str) -> None:
    assert site.get(f"/iterator?token={token}").body == b"firstsecond"
    assert events.wait(token, "close")["given"] == 3


def test_close_runs_once_after_head(site: Running, events: Events, token: str, server: str) -> None:
    assert site.ask("HEAD", f"/iterator-with-length?token={token}").body == b""
    if server not in FORGETS_CLOSE:
        events.wait(token, "close")


def test_close_runs_once_after_disconnect(site: Running, events: Events, token: str, server: str) -> None:
    with site.connect() as wire:
        wire.ask("GET", f"/endless?token={token}")
        wire.head()
        assert wire.read()
        wire.reset()
    if server not in FORGETS_CLOSE:
        assert events.wait(token, "close")["given"] < 4096
    assert site.get("/list").body == b"hello"


def test_close_runs_once_after_error(site: Running, events: Events, token: str) -> None:
    answer = site.get(f"/raises-between-chunks?token={token}")
    assert (answer.body, answer.whole) == (b"first", False)
    events.wait(token, "close")


def test_late_exc_info_comes_back(site: Running, events: Events, token: str, server: str) -> None:
    assert site.get(f"/late-second-thoughts?token={token}").body == b"first"
    events.wait(token, "close")
    assert [event["same"] for event in events.all(token, "raised again")] == [True] * (server not in FORGETS_ERROR)
