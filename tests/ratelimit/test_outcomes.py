"""Charges that the end of a request gives back: counts by response, and requests in flight."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.ratelimit.support import Site, calls, field, rule
from tests.support.redis import Redis
from tests.support.redis_groups import until
from tests.support.stores import KINDS, opened
from wsgi_guard.errors import Refused
from wsgi_guard.facts import Decision, Facts
from wsgi_guard.layer import Head
from wsgi_guard.stores import Store
from wsgi_guard.stores.redis import RedisStore

ALGORITHMS = ("sliding-window", "sliding-log", "token-bucket")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with opened(request, keys=1000, slots=1024, server="redis_server") as store:
        yield store


def answer(site: Site, code: int, end: str = "return", **environ: str) -> int:
    """Sends a request that the app answers with `code`; the code that left."""
    facts = site.begin(**environ)
    try:
        reply = site.layer.before(facts)
        code = code if reply is None else int(reply.status[:3])
    except Refused as refused:
        site.end(facts, refused.status, "return")
        return refused.status
    site.end(facts, code, end)
    return code


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_what_counts_is_counted(store: Store, algorithm: str) -> None:
    site = Site(rule(limit="3 per hour", count=("401", "4xx"), algorithm=algorithm), store=store)
    assert [answer(site, code) for code in (200, 200, 401, 500, 0, 403, 302, 404, 200)] == [
        200, 200, 401, 500, 0, 403, 302, 404, 429,
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["return", "close", "disconnect", "error", "abandoned"])
def test_charge_is_given_back_however_a_request_ends(store: Store, end: str) -> None:
    site = Site(rule(limit="1 per hour", count=("401",)), store=store)
    assert [answer(site, 200, end) for _ in range(5)] == [200] * 5
    assert answer(site, 401, end) == 401
    assert answer(site, 200, end) == 429


def test_parallel_attempts_cannot_pass(store: Store) -> None:
    site = Site(rule(limit="5 per hour", count=("401",)), store=store)
    gate = Barrier(16)

    def attempt(_: int) -> int:
        gate.wait()
        facts = Facts({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "192.0.2.1"}, site._origin)
        try:
            site.layer.before(facts)
        except Refused:
            return 429
        site.end(facts, 401, "return")
        return 401

    with ThreadPoolExecutor(16) as threads:
        codes = list(threads.map(attempt, range(16)))
    assert (codes.count(401), codes.count(429)) == (5, 11)


def test_denial_by_charges_in_flight_ends_with_them(store: Store) -> None:
    site = Site(rule(limit="2 per hour", count=("401",)), store=store)
    flying = [site.begin(), site.begin()]
    for facts in flying:
        site.layer.before(facts)
    assert answer(site, 200) == 429
    for facts in flying:
        site.end(facts, 200, "return")
    assert [answer(site, 200) for _ in range(3)] == [200] * 3


def test_fields_show_what_will_be_left() -> None:
    site = Site(rule(limit="3 per hour", count=("401",)))
    for code, left in ((200, 3), (401, 2), (200, 2), (401, 1)):
        facts, head = site.begin(), Head(f"{code} x", [])
        site.layer.before(facts)
        site.layer.after(facts, head)
        site.end(facts, code, "return")
        told = field(head, "RateLimit") or ""
        assert told.startswith(f'"all";r={left};')


def test_threat_findings_count() -> None:
    site = Site(rule(limit="1 per hour", count=("threat",), block=60.0))
    assert [answer(site, 200) for _ in range(3)] == [200] * 3
    facts = site.begin()
    site.layer.before(facts)
    facts.decisions = [Decision("validation", "shadow", "sqli", "body")]
    site.end(facts, 200, "return")
    assert answer(site, 200) == 429


def test_requests_in_flight_are_counted_until_they_end(store: Store) -> None:
    site = Site(rule(limit="2 at once", algorithm="concurrency"), store=store)
    first, second = site.begin(), site.begin()
    site.layer.before(first)
    site.layer.before(second)
    assert answer(site, 200) == 429
    site.end(first, 500, "error")
    assert [answer(site, 200) for _ in range(3)] == [200] * 3
    site.end(second, 0, "disconnect")


def test_settling_costs_one_command_for_all_rules(redis_server: Redis) -> None:
    store = RedisStore(redis_server.url, 5.0)
    rules = [rule(f"r{n}", "100 per hour", count=("401",)) for n in range(16)]
    site = Site(*rules, store=store)
    answer(site, 200)
    before = calls(redis_server)
    answer(site, 200)
    assert calls(redis_server) == before + 2
    store.close()


def test_decorated_function_settles_with_the_request() -> None:
    site = Site(rule(limit="1 per hour", count=("401",), path=()))
    for _ in range(3):
        head = site.run(lambda: site.layer.spend(site.facts, "all"))
        assert head.code == 200


def test_successful_requests_at_once_block_nobody(store: Store) -> None:
    site = Site(rule(limit="10 per 5 minutes", count=("401", "403"), block=900.0), store=store)
    flying, codes = [], []
    for _ in range(12):
        facts = site.begin()
        try:
            site.layer.before(facts)
            flying.append(facts)
            codes.append(200)
        except Refused as refused:
            codes.append(refused.status)
    assert (codes.count(200), codes.count(429)) == (10, 2)
    assert answer(site, 200) == 429
    for facts in flying:
        site.end(facts, 200, "return")
    until(lambda: answer(site, 200) == 200)
    assert [answer(site, 401) for _ in range(12)] == [401] * 10 + [429] * 2
    assert site.layer.control.peek("all", "203.0.113.9").blocked


def test_parallel_failures_keep_the_block_they_brought(store: Store) -> None:
    site = Site(rule(limit="10 per 5 minutes", count=("401",), block=900.0), store=store)
    gate = Barrier(40)

    def attempt(_: int) -> int:
        gate.wait()
        facts = Facts({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.9"}, site._origin)
        try:
            reply = site.layer.before(facts)
        except Refused as refused:
            return refused.status
        if reply is not None:
            return int(reply.status[:3])
        site.end(facts, 401, "return")
        return 401

    with ThreadPoolExecutor(40) as threads:
        codes = list(threads.map(attempt, range(40)))
    assert (codes.count(401), codes.count(429)) == (10, 30)
    assert site.layer.control.peek("all", "203.0.113.9").blocked


def test_denial_by_requests_that_run_asks_for_a_second(store: Store) -> None:
    places = rule("places", limit="1 at once", algorithm="concurrency")
    failures = rule("failures", limit="1 per hour", count=("401",), path=("/login",))
    site = Site(places, failures, store=store)
    first = site.begin("/elsewhere")
    site.layer.before(first)
    head = site.send()
    assert (head.code, field(head, "Retry-After")) == (429, "1")
    assert field(head, "RateLimit-Policy") == '"places";q=1;qu="concurrent-requests"'
    assert field(head, "RateLimit") == '"places";r=0'
    assert site.layer.control.peek("places", "203.0.113.9").retry_after == 1
    site.end(first, 200)
    assert field(site.send(), "RateLimit") == '"places";r=0'


def test_denial_by_charges_that_may_come_back_asks_for_a_second(store: Store) -> None:
    site = Site(rule(limit="1 per hour", count=("401",)), store=store)
    first = site.begin()
    site.layer.before(first)
    assert field(site.send(), "Retry-After") == "1"
    site.end(first, 401)
    assert int(field(site.send(), "Retry-After") or 0) > 1
