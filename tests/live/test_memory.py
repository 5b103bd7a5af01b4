"""64 MB up and 64 MB down leave the size of the server's process where it was."""

from __future__ import annotations

import json

import pytest

from .servers import Running

pytestmark = pytest.mark.live

SIZE = 64 * 1024 * 1024
# What a server's own buffers may take; the whole body in memory would be three times as much.
ROOM = 20 * 1024 * 1024


def peak(site: Running) -> int:
    size: int = json.loads(site.get("/memory").body)
    return size


# A type that the full guard looks into, and one that it does not; both are too long to be looked at.
@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_upload_in_constant_memory(site: Running, kind: str) -> None:
    before = peak(site)
    piece = bytes(1024 * 1024)
    with site.connect() as wire:
        wire.ask("POST", "/echo", {"Content-Type": kind, "Content-Length": str(SIZE), "Connection": "close"})
        for _ in range(SIZE // len(piece)):
            wire.send(piece)
        assert json.loads(wire.answer("POST").body)["size"] == SIZE
    assert peak(site) - before < ROOM


def test_download_in_constant_memory(site: Running) -> None:
    before = peak(site)
    with site.connect() as wire:
        wire.ask("GET", "/download", {"Connection": "close"})
        wire.head()
        assert wire.drain() == SIZE
    assert peak(site) - before < ROOM
