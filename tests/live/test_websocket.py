"""A WebSocket by Flask-Sock through the guard: the app takes the socket over and the guard lets go of it."""

from __future__ import annotations

from typing import Any

import pytest
from simple_websocket import Client

from .servers import Running, running

pytestmark = pytest.mark.live

TARGETS = ["tests.live.sockets:flask", "tests.live.sockets:thin", "tests.live.sockets:full"]
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


# Flask-Sock tells gunicorn to leave the socket alone; werkzeug's server sends an answer after the close, unheard.
@pytest.mark.parametrize(("server", "after"), [("gunicorn-gthread", b""), ("werkzeug", b"HTTP/1.1 200 OK\r\n")])
@pytest.mark.parametrize("target", TARGETS)
def test_websocket_echoes_and_ends(server: str, after: bytes, target: str) -> None:
    with running(server, target) as site:
        assert isinstance(site.address, tuple)
        client: Any = Client(f"ws://127.0.0.1:{site.address[1]}/echo")
        for text in ("hello", "wörld" * 10_000):
            client.send(text)
            assert client.receive(timeout=10) == text
        client.close()
        assert _line_after_close(site) == after
        assert '"level": "ERROR"' not in site.log()
        assert "Traceback" not in site.log()


def _line_after_close(site: Running) -> bytes:
    """What follows the server's close frame, to the end of a line."""
    with site.connect() as wire:
        wire.ask("GET", "/echo", HANDSHAKE)
        status, _ = wire.head()
        assert status.split(" ")[1] == "101"
        wire.send(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
        # Flask-Sock may close the connection before its close frame is out.
        line, end, _ = wire.take(1000).removeprefix(b"\x88\x02\x03\xe8").partition(b"\r\n")
        return line + end
