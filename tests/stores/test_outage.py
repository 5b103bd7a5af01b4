"""Redis killed, frozen, restarted empty, its scripts flushed: bounded waits, StoreError alone, and it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest
import redis

from tests.support.proxy import BreakableProxy
from tests.support.redis import Redis
from wsgi_guard.errors import StoreError
from wsgi_guard.stores import Policy
from wsgi_guard.stores.redis import RedisStore

TIMEOUT = 0.1
# What a busy machine with few cores may add to a wait; without the bound these waits would be seconds.
SLACK = 0.4
POLICIES = [Policy("outage-minute", 10**6, 60), Policy("outage-hour", 10**6, 3600)]


@pytest.fixture
def store(redis_server: Redis) -> Iterator[RedisStore]:
    opened = RedisStore(redis_server.url, TIMEOUT, pauses=(0.05, 0.1))
    yield opened
    opened.close()


def _charge(store: RedisStore) -> bool | None:
    """None when the store could not tell, which must never take long."""
    begun = monotonic()
    try:
        return store.charge(POLICIES, ["a", "a"])[0]
    except StoreError:
        return None
    finally:
        assert monotonic() - begun < TIMEOUT + SLACK


def _until_back(store: RedisStore) -> None:
    end, pause = monotonic() + 10, Event()
    while _charge(store) is None:
        assert monotonic() < end
        pause.wait(0.01)


def test_killed_server_fails_fast_and_comes_back(store: RedisStore, redis_server: Redis) -> None:
    assert _charge(store)
    redis_server.kill()
    assert [_charge(store) for _ in range(50)] == [None] * 50
    with pytest.raises(StoreError):
        store.ping(1.0)
    redis_server.start()
    _until_back(store)
    store.ping(1.0)


def test_frozen_server_costs_one_timeout(redis_server: Redis) -> None:
    store = RedisStore(redis_server.url, TIMEOUT, pauses=(30.0, 30.0))
    assert _charge(store)
    redis_server.freeze()
    begun = monotonic()
    assert [_charge(store) for _ in range(1000)] == [None] * 1000
    assert monotonic() - begun < TIMEOUT + SLACK
    redis_server.thaw()


def test_frozen_server_delays_no_new_process(redis_server: Redis) -> None:
    redis_server.freeze()
    store = RedisStore(redis_server.url, TIMEOUT, pauses=(30.0, 30.0))
    begun = monotonic()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: _charge(store), range(100))) == [None] * 100
    assert monotonic() - begun < TIMEOUT + SLACK
    redis_server.thaw()


def test_thawed_server_is_used_again(store: RedisStore, redis_server: Redis) -> None:
    assert _charge(store)
    for _ in range(2):
        redis_server.freeze()
        assert _charge(store) is None
        redis_server.thaw()
        _until_back(store)


def test_server_restarted_empty_goes_unnoticed(store: RedisStore, redis_server: Redis) -> None:
    assert _charge(store)
    redis_server.restart()
    assert store.charge(POLICIES, ["a", "a"])[1][0][3] == 1


def test_ping_of_another_ends_the_outage(redis_server: Redis) -> None:
    redis_server.kill()
    store = RedisStore(redis_server.url, TIMEOUT, pauses=(30.0, 30.0))
    assert _charge(store) is None
    redis_server.start()
    assert _charge(store) is None
    store.ping(2.0)
    assert _charge(store)
    store.close()


def test_deaf_network_costs_one_timeout(
    redis_server: Redis, deaf_proxy: Callable[[str], BreakableProxy]
) -> None:
    proxy = deaf_proxy(redis_server.url)
    store = RedisStore(proxy.url, TIMEOUT, pauses=(0.05, 0.1))
    assert _charge(store)
    proxy.deafen()
    assert [_charge(store) for _ in range(20)] == [None] * 20
    proxy.hear()
    _until_back(store)
    proxy.drop()
    _until_back(store)
    store.close()


def test_traffic_survives_all_of_it(store: RedisStore, redis_server: Redis) -> None:
    over = Event()

    def traffic(_: int) -> list[bool | None]:
        found = []
        while not over.is_set():
            found.append(_charge(store))
        return found

    with ThreadPoolExecutor(4) as threads, redis.Redis.from_url(redis_server.url) as admin:
        running = [threads.submit(traffic, at) for at in range(4)]
        pause = Event()
        server = redis_server
        for breaks in (admin.script_flush, server.restart, server.freeze, server.thaw, admin.flushall):
            pause.wait(0.15)
            breaks()
        _until_back(store)
        over.set()
        found = [answer for thread in running for answer in thread.result(10)]
    assert found.count(True) > 100
    assert False not in found
