"""Real servers for the tests: shared ones for the session, private ones for tests that break them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import postgres, redis
from tests.support.postgres import Postgres
from tests.support.proxy import BreakableProxy
from tests.support.redis import Redis


def _require(reason: str | None) -> None:
    """A suite that quietly tests less than it says is worse than none."""
    if reason is not None:
        pytest.exit(reason, returncode=2)


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    """One Redis for the whole session; tests use keys of their own and never break it."""
    _require(redis.missing())
    server = Redis()
    yield server
    server.discard()


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A Redis of this test's own: freeze it, kill it, restart it."""
    _require(redis.missing())
    server = Redis()
    yield server
    server.discard()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for the whole session; tests use tables of their own and never break it."""
    _require(postgres.missing())
    server = Postgres()
    yield server
    server.discard()


@pytest.fixture
def private_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own: freeze it, kill it, restart it."""
    _require(postgres.missing())
    server = Postgres()
    yield server
    server.discard()


@pytest.fixture
def deaf_proxy() -> Iterator[Callable[[str], BreakableProxy]]:
    """`deaf_proxy(url)` puts a breakable TCP proxy before the server of that URL."""
    proxies: list[BreakableProxy] = []

    def make(target: str) -> BreakableProxy:
        proxies.append(BreakableProxy(target))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()
