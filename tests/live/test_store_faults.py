"""Redis breaks while gunicorn serves: no 5xx, no long wait, limits within what is declared, and back by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import pytest

from tests.support.redis import Redis
from tests.support.redis_groups import Group, Nodes, until

from .servers import Running, running

pytestmark = pytest.mark.live

WORKERS, LIMIT, SHARE = 2, 5, 3
TIMEOUT = 1.0
SLACK = 1.5
"""Seconds beyond the store's timeout and the longest request that no rule counts, which a busy machine slows too."""
SETTINGS = f"""
[guard]
trusted_proxies = ["127.0.0.1"]

[rate_limit]
builtin_rules = "off"
store_timeout = "{int(TIMEOUT * 1000)}ms"

[[rate_limit.rules]]
name = "pages"
path = "/pages"
limit = "{LIMIT} per 31 days"
"""
APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
_clients = count()


class Asked(NamedTuple):
    status: int
    seconds: float


class Site:
    def __init__(self, server: Running) -> None:
        self.server = server
        self.asked: list[Asked] = []
        self.uncounted: list[Asked] = []

    def one(self, client: str) -> int:
        return self._ask("/pages", client, self.asked)

    def _ask(self, path: str, client: str, told: list[Asked]) -> int:
        began = monotonic()
        status = self.server.get(path, headers={"X-Forwarded-For": client}).status
        told.append(Asked(status, monotonic() - began))
        return status

    def admitted(self, clients: int) -> list[int]:
        """How many of ten requests passed, for each of so many clients never seen before; eight ask at a time."""
        names = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in (next(_clients) for _ in range(clients))]
        with ThreadPoolExecutor(8) as threads:
            beside = [threads.submit(self._ask, "/free", name, self.uncounted) for name in names]
            found = list(threads.map(self.one, names * 10))
            assert {one.result() for one in beside} == {200}
        return [sum(status == 200 for status in found[at::clients]) for at in range(clients)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS)
    return tmp_path


class Fault(NamedTuple):
    url: str
    hurt: Callable[[], object]
    mend: Callable[[], object]


def _nothing() -> None:
    """Mends itself."""


def _empty(server: Redis) -> Fault:
    return Fault(server.url, server.restart, _nothing)


def _stopped(server: Redis) -> Fault:
    return Fault(server.url, server.kill, server.start)


def _frozen(server: Redis) -> Fault:
    return Fault(server.url, server.freeze, server.thaw)


def _flushed(server: Redis) -> Fault:
    def flush() -> None:
        import redis

        with redis.Redis.from_url(server.url, protocol=2) as client:
            client.script_flush()
            client.flushall()

    return Fault(server.url, flush, _nothing)


SINGLE = {"stopped": _stopped, "restarted-empty": _empty, "frozen": _frozen, "flushed": _flushed}


@pytest.fixture(params=[*SINGLE, "failed-over", "cluster-node-lost"])
def fault(request: pytest.FixtureRequest) -> Iterator[Fault]:
    with ExitStack() as stack:
        if request.param == "failed-over":
            group = Group(stack)
            until(group.watched)
            yield Fault(group.url(), group.master.kill, _nothing)
        elif request.param == "cluster-node-lost":
            nodes = Nodes(stack)
            child = next(iter(nodes.children.values()))
            yield Fault(nodes.url(), child.freeze, child.thaw)
        else:
            yield SINGLE[request.param](request.getfixturevalue("redis_server"))


def test_traffic_outlives_the_fault(folder: Path, fault: Fault) -> None:
    options = ("-c", "python:wsgi_guard.gunicorn", "--workers", str(WORKERS), "--threads", "4", "--chdir", str(folder))
    env = {"WSGI_GUARD_RATE_LIMIT__STORE": fault.url}
    with running("gunicorn-gthread", "shop:app", options=options, folder=folder, env=env) as server:
        site = Site(server)
        until(lambda: site.admitted(8) == [LIMIT] * 8)
        with ThreadPoolExecutor(1) as aside:
            during = aside.submit(lambda: [passed for _ in range(4) for passed in site.admitted(8)])
            fault.hurt()
            found = during.result()
        # Whom the store counted before it went is counted anew by each worker, up to its share.
        assert max(found) <= LIMIT + WORKERS * SHARE
        fault.mend()
        until(lambda: [site.admitted(8) for _ in range(3)] == [[LIMIT] * 8] * 3)
        assert {asked.status for asked in site.asked} == {200, 429}
        assert longest(site.asked) < TIMEOUT + SLACK + longest(site.uncounted)


def longest(asked: list[Asked]) -> float:
    return max(one.seconds for one in asked)
