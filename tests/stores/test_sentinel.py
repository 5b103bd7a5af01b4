"""A master that sentinels name: found, and found again after a failover."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest

from tests.support.processes import HOST
from tests.support.redis_groups import Group, until
from wsgi_guard.errors import ConfigurationError, StoreError
from wsgi_guard.stores import Policy
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.redis_sentinel import Sentinels, split


@pytest.fixture
def group() -> Iterator[Group]:
    with ExitStack() as stack:
        found = Group(stack)
        until(found.watched)
        yield found


def test_store_follows_a_failover_by_itself(group: Group) -> None:
    store, policy = RedisStore(group.url(), 1.0, pauses=(0.1, 0.5)), Policy("p", 10**6, 3600)
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

    until(works)
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
