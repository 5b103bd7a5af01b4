"""The store is away: every rule as it declared, said once, never slow, never a 500."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event
from time import monotonic

import pytest

from tests.ratelimit.support import Site, field, rule
from tests.support.redis import Redis
from wsgi_guard.errors import Outage, StoreError
from wsgi_guard.ratelimit import fallback
from wsgi_guard.ratelimit.decorator import rate_limit
from wsgi_guard.stores.redis import RedisStore


@pytest.fixture
def away(redis_server: Redis) -> Iterator[RedisStore]:
    """A store whose server was killed."""
    redis_server.kill()
    store = RedisStore(redis_server.url, 0.1, pauses=(0.02, 0.05))
    yield store
    store.close()


def test_local_counts_in_this_process(away: RedisStore) -> None:
    site = Site(rule(limit="3 per hour"), store=away)
    assert site.codes(5) == [200, 200, 200, 429, 429]
    assert "127.0.0.1" in (site.layer.degraded or "")


@pytest.mark.parametrize(("workers", "share"), [(1, 10), (2, 5), (3, 4), (100, 1)])
def test_local_share_is_rounded_up(away: RedisStore, workers: int, share: int) -> None:
    site = Site(rule(limit="10 per hour"), store=away, workers=workers)
    assert site.codes(12) == [200] * share + [429] * (12 - share)
    assert field(site.send(), "RateLimit-Policy") == f'"all";q={share};w=3600'


def test_allow_lets_everything_pass(away: RedisStore) -> None:
    site = Site(rule(limit="1 per hour"), store=away, on_store_failure="allow")
    assert site.codes(3) == [200, 200, 200]
    assert site.send().headers == []


def test_deny_is_an_outage(away: RedisStore) -> None:
    site = Site(rule(limit="9 per hour"), store=away, on_store_failure="deny")
    head = site.send()
    assert head.code == 503
    assert field(head, "Retry-After") is not None
    assert site.decisions() == [("degraded", ""), ("deny", "")]
    with pytest.raises(Outage):
        site.layer.before(site.begin())


def test_rules_differ_in_what_they_declare(away: RedisStore) -> None:
    site = Site(
        rule("free", "1 per hour", on_store_failure="allow"),
        rule("local", "2 per hour", on_store_failure="local"),
        rule("strict", "9 per hour", path=("/strict",), on_store_failure="deny"),
        rule("trial", "9 per hour", mode="shadow", on_store_failure="deny"),
        store=away,
    )
    assert site.codes(1, "/strict") == [503]
    assert site.codes(3) == [200, 200, 429]
    assert field(site.send(), "RateLimit-Policy") == '"local";q=2;w=3600'


def test_census_names_the_key_that_was_denied_here(away: RedisStore) -> None:
    site = Site(
        rule("free", "1 per hour", key=("user",), on_store_failure="allow"),
        rule("local", "2 per hour", on_store_failure="local"),
        store=away,
    )
    assert [site.send(REMOTE_USER="alice").code for _ in range(3)] == [200, 200, 429]
    (named,) = site.layer.census.all().keys
    assert named[0] == "local" and "alice" not in named[1]


def test_function_follows_the_policy_too(away: RedisStore) -> None:
    @rate_limit("strict")
    def work() -> None:
        raise AssertionError("must not run")

    site = Site(rule("local"), rule("strict", path=(), on_store_failure="deny"), store=away)
    head = site.run(work)
    assert head.code == 503
    assert isinstance(site.facts.noted, Outage)
    assert (field(head, "RateLimit-Policy") or "").startswith('"local"')


def test_outage_is_logged_once_and_its_end(
    redis_server: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fallback, "CALM", 0.0)
    store = RedisStore(redis_server.url, 0.5, pauses=(0.01, 0.02))
    site = Site(rule(limit="100000 per hour"), store=store)
    with caplog.at_level(logging.INFO, "wsgi_guard"):
        assert site.codes(3) == [200] * 3
        redis_server.kill()
        degraded = []
        for _ in range(20):
            site.send()
            degraded += site.decisions()
        assert degraded == [("degraded", "")]
        redis_server.start()
        _until_healthy(site)
    store.close()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "rate limit store is away, each rule follows its on_store_failure",
        "rate limit store answers again",
    ]


def _until_healthy(site: Site) -> None:
    end, pause = monotonic() + 10, Event()
    while site.layer.degraded is not None:
        assert site.send().code == 200
        assert monotonic() < end
        pause.wait(0.01)


def test_flapping_store_floods_no_log(caplog: pytest.LogCaptureFixture) -> None:
    state = fallback.Fallback(10, 1)
    with caplog.at_level(logging.INFO, "wsgi_guard"):
        for _ in range(100):
            state.failed(StoreError("away"))
            state.worked()
    assert len(caplog.records) == 1


def test_frozen_store_delays_one_request_only(redis_server: Redis) -> None:
    store = RedisStore(redis_server.url, 0.1)
    site = Site(rule(limit="100000 per hour"), store=store)
    site.send()
    redis_server.freeze()
    begun = monotonic()
    assert site.codes(200) == [200] * 200
    assert monotonic() - begun < 0.1 + 0.4
    redis_server.thaw()
    store.close()
