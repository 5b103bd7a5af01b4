"""What a connection does after an answer: kept or closed, guarded as bare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .events import VARIABLE, Events
from .servers import Running, running
from .wire import ENDINGS

pytestmark = pytest.mark.live

# Servers that keep a connection open after a whole answer with a length.
KEEPING = {"gunicorn-gthread", "gunicorn-gevent", "waitress", "cheroot"}
PATHS = [
    "/list", "/list-with-length", "/chunks", "/tuple", "/nothing", "/empty", "/no-content", "/not-modified",
    "/generator", "/generator-with-length", "/iterator-of-one", "/write", "/write-only", "/file",
    "/file-with-length", "/file-in-memory", "/unread",
]  # fmt: skip


def second_answer(site: Running, method: str, path: str) -> tuple[int, bytes] | str:
    """The answer to a second request on the same connection, or why there is none."""
    with site.connect() as wire:
        try:
            wire.ask(method, path)
            if wire.answer(method).get("Connection") == "close":
                return "ended"
            wire.ask("GET", "/list-with-length", {"Connection": "close"})
            answer = wire.answer()
            return answer.status, answer.body
        except ENDINGS:
            return "ended"
        except (ValueError, IndexError):
            # waitress sends a body after some HEAD requests, and it is taken for the next answer.
            return "nonsense"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
def test_connection_is_kept_as_bare(sites: dict[str, Running], server: str, guard: str, method: str, path: str) -> None:
    bare = second_answer(sites["bare"], method, path)
    assert second_answer(sites[guard], method, path) == bare
    if path == "/list-with-length":
        assert bare == ((200, b"hello") if server in KEEPING else "ended")


@pytest.mark.parametrize("path", ["/unread", "/partly"])
def test_unread_body_poisons_no_connection(sites: dict[str, Running], guard: str, path: str) -> None:
    """What is left of a body must not be taken for the next request, whoever throws it away."""
    answers = []
    for name in ("bare", guard):
        with sites[name].connect() as wire:
            wire.ask("POST", path, {"Content-Type": "text/plain"}, b"GET /raises HTTP/1.1\r\nHost: x\r\n\r\n")
            first = wire.answer("POST")
            try:
                assert first.get("Connection") != "close"
                wire.ask("GET", "/list-with-length")
                answers.append((first.status, wire.answer().body))
            except (AssertionError, *ENDINGS):
                answers.append((first.status, b"ended"))
    assert answers[1] == answers[0]


def test_refusal_leaves_connection_usable(sites: dict[str, Running], server: str) -> None:
    """The guard's own answer, given without reading the body, frames itself as well as the app's do."""
    with sites["full"].connect() as wire:
        wire.ask("POST", "/raises", {"Content-Type": "application/octet-stream"}, b"x" * 1000)
        first = wire.answer("POST")
        assert first.get("Content-Length") == str(len(first.body))
        if server in KEEPING:
            wire.ask("GET", "/list-with-length")
            assert wire.answer().body == b"hello"


@pytest.mark.parametrize("target", ["thin", "full"])
def test_unix_socket_has_no_address(tmp_path: Path, events: Events, target: str) -> None:
    """Neither a peer's address nor a port number exists there."""
    options = ["--bind", "unix:s"]
    env = {VARIABLE: str(events.port)}
    with running("gunicorn-sync", f"tests.live.guarded:{target}", options=options, env=env, folder=tmp_path) as site:
        site.address = str(tmp_path / "s")
        document = json.loads(site.get("/environ").body)
        assert document["wsgi_guard.client_ip"] == "builtins.str 'unknown'"
        assert site.get("/file").status == 200
