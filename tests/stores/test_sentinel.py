"""A master that sentinels name: found, and found again after a failover."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from time import monotonic, sleep

import pytest

from tests.support.processes import HOST, Child, free_port, private_folder
from tests.support.redis import answers
from wsgi_guard.errors import ConfigurationError, StoreError
from wsgi_guard.stores import Policy
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.redis_sentinel import Sentinels, split

REDIS = shutil.which("redis-server") or "redis-server"
QUIET = ("--save", "", "--daemonize", "no", "--bind", HOST, "--loglevel", "warning")


class Group:
    """A master, its replica and a sentinel that hands over after half a second."""

    def __init__(self, stack: ExitStack) -> None:
        self.ports = free_port(), free_port()
        self.sentinel = free_port()
        first, second = self.ports
        self.master = self._start(stack, [REDIS, "--port", str(first), *QUIET], first)
        self._start(stack, [REDIS, "--port", str(second), "--replicaof", HOST, str(first), *QUIET], second)
        folder = private_folder("sentinel")
        (folder / "sentinel.conf").write_text(
            f"port {self.sentinel}\nbind {HOST}\nsentinel monitor shop {HOST} {first} 1\n"
            "sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 2000\n"
        )
        watcher = Child([REDIS, "sentinel.conf", "--sentinel"], folder, partial(answers, self.sentinel))
        watcher.start()
        stack.callback(watcher.discard)

    def _start(self, stack: ExitStack, command: list[str], port: int) -> Child:
        child = Child(command, private_folder("redis"), partial(answers, port))
        child.start()
        stack.callback(child.discard)
        return child

    def ask(self, port: int, command: str) -> bytes:
        with socket.create_connection((HOST, port), timeout=2) as line:
            line.sendall(command.encode() + b"\r\n")
            return line.recv(65536)


@pytest.fixture
def group() -> Iterator[Group]:
    with ExitStack() as stack:
        found = Group(stack)
        _until(lambda: b"num-slaves\r\n$1\r\n1" in found.ask(found.sentinel, "SENTINEL MASTER shop"))
        yield found


def _until(done: Callable[[], bool], patience: float = 30.0) -> None:
    deadline = monotonic() + patience
    while not done():
        assert monotonic() < deadline
        sleep(0.05)


def test_store_follows_a_failover_by_itself(group: Group) -> None:
    url = f"redis+sentinel://{HOST}:1,{HOST}:{group.sentinel}/shop/0"
    store, policy = RedisStore(url, 1.0, pauses=(0.1, 0.5)), Policy("p", 10**6, 3600)
    assert store.charge([policy], ["a"])[0]
    store.ping(2.0)
    group.master.kill()

    def works() -> bool:
        began = monotonic()
        try:
            return store.charge([policy], ["a"])[0]
        except StoreError:
            # However long it takes, nobody waits longer than the timeout.
            assert monotonic() - began < 2.0
            return False

    _until(works)
    assert b"master" in group.ask(group.ports[1], "ROLE")
    store.close()


def test_unknown_service_is_a_store_error(group: Group) -> None:
    store = RedisStore(f"redis+sentinel://{HOST}:{group.sentinel}/nobody", 1.0)
    with pytest.raises(StoreError, match="'nobody'"):
        store.charge([Policy("p", 1, 60)], ["a"])


def test_url_of_sentinels_is_read() -> None:
    plain, sentinels = split("rediss+sentinel://me:secret@one,[::1]:26380,two:7/shop/3?ssl_cert_reqs=required")
    assert plain == "rediss://me:secret@/3?ssl_cert_reqs=required"
    assert sentinels == Sentinels((("one", 26379), ("::1", 26380), ("two", 7)), "shop")
    assert split("redis://h/0") == ("redis://h/0", None)


@pytest.mark.parametrize("url", ["redis+sentinel://secret@/shop", "redis+sentinel://secret@one", "redis+sentinel://a:x/s"])
def test_incomplete_url_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(url, 1.0)
    assert "secret" not in str(caught.value)
