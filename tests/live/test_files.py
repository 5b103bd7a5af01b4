"""A file handed to the server stays the server's own kind of object: sendfile, length, `close`."""

from __future__ import annotations

import pytest

from .events import Events
from .servers import Running
from .shapes import FILE_SIZE
from .test_streaming import FORGETS_CLOSE

pytestmark = pytest.mark.live

# These copy a real file inside the kernel: nobody calls its `read`. gevent's sockets have no sendfile.
SENDFILE = {"gunicorn-sync", "gunicorn-gthread", "gunicorn-preload", "uwsgi"}


@pytest.mark.parametrize("path", ["/file", "/file-with-length"])
def test_file_is_sent_as_bare(site: Running, server: str, events: Events, token: str, path: str) -> None:
    answer = site.get(f"{path}?token={token}")
    assert (len(answer.body), answer.whole) == (FILE_SIZE, True)
    assert answer.body == bytes(range(250)) * (FILE_SIZE // 250)
    events.wait(token, "close")
    assert (events.all(token, "read") == []) == (server in SENDFILE)


def test_client_gone_closes_file(site: Running, server: str, events: Events, token: str) -> None:
    if server in FORGETS_CLOSE:
        return
    with site.connect() as wire:
        wire.ask("GET", f"/file?token={token}")
        wire.head()
        wire.reset()
    events.wait(token, "close")
