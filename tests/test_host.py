"""What processes of one master share."""

from __future__ import annotations

import os

from wsgi_guard.host import Host


def test_drain_is_seen_across_a_fork() -> None:
    host = Host()
    host.prepare(3)
    child = os.fork()
    if child == 0:
        host.drain()
        os._exit(0)
    os.waitpid(child, 0)
    assert (host.workers, host.draining()) == (3, True)


def test_unprepared_host_never_drains() -> None:
    host = Host()
    host.drain()
    assert (host.workers, host.draining()) == (1, False)


def test_preparing_again_keeps_the_flag() -> None:
    host = Host()
    host.prepare(0)
    host.drain()
    host.prepare(2)
    assert (host.workers, host.draining()) == (2, True)
