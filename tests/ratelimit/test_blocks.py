"""Who was denied stays out for a time; who is denied is answered without the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any
from wsgiref.validate import validator

import pytest

from tests.ratelimit.support import Site, calls, field, rule
from tests.support.calling import request, serve
from tests.support.redis import Redis
from wsgi_guard import Guard
from wsgi_guard.ratelimit.control import Control
from wsgi_guard.ratelimit.reports import BURST
from wsgi_guard.ratelimit.told import limits_of
from wsgi_guard.settings.quantities import limits
from wsgi_guard.settings.sections import Limit, OverrideSection
from wsgi_guard.stores import MemoryStore, Store
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.shared import SharedStore, SharedTable

PROBLEM = "application/problem+json"
CLIENT = "203.0.113.9"


@pytest.fixture(params=["memory", "shared", "redis"])
def stores(request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    """Makes stores of one place, as several workers have them."""
    made: list[Store] = []
    if request.param == "redis":
        server: Redis = request.getfixturevalue("redis_server")

        def make() -> Store:
            made.append(RedisStore(server.url, 5.0))
            return made[-1]
    elif request.param == "shared":
        table = SharedTable.create(1024)

        def make() -> Store:
            return SharedStore(table, 5.0)
    else:
        one = MemoryStore(1000)

        def make() -> Store:
            return one

    yield make
    for store in made:
        store.close()


def test_denial_brings_the_block(stores: Callable[[], Store]) -> None:
    site = Site(rule(limit="2 per second", block=900.0), store=stores())
    assert site.codes(4) == [200, 200, 429, 429]
    assert field(site.send(), "Retry-After") == "900"
    other = Site(rule(limit="2 per second", block=900.0), store=stores())
    assert field(other.send(), "Retry-After") == "900"
    assert other.codes(2, ip="192.0.2.1") == [200, 200]


def test_block_comes_after_so_many_denials(stores: Callable[[], Store]) -> None:
    site = Site(rule(limit="1 per minute", block=900.0, block_after=3), store=stores())
    waits = [int(field(site.send(), "Retry-After") or 0) for _ in range(6)]
    assert waits[0] == 0
    assert all(0 < wait <= 120 for wait in waits[1:3])
    assert all(899 <= wait <= 900 for wait in waits[3:])


def test_reset_reaches_every_worker(stores: Callable[[], Store]) -> None:
    here, there = (Site(rule(limit="1 per hour"), store=stores()) for _ in range(2))
    for site in (here, there):
        site.codes(4)
        assert site.send().code == 429
    control: Control = there.layer.control
    _until(lambda: _heard(here) and _heard(there))
    control.reset("all", CLIENT)
    _until(lambda: here.send().code == 200)
    assert there.send().code == 429
    control.reset("all", CLIENT)
    assert there.send().code == 200


def test_operator_blocks_and_unblocks(stores: Callable[[], Store]) -> None:
    here, there = (Site(rule(limit="5 per hour"), store=stores()) for _ in range(2))
    control: Control = here.layer.control
    control.block("all", CLIENT, 300)
    assert [site.codes(2) for site in (here, there)] == [[429, 429], [429, 429]]
    assert control.peek("all", CLIENT).blocked
    assert control.peek("all", "192.0.2.77").left == 5
    control.unblock("all", CLIENT)
    assert control.peek("all", CLIENT) == control.peek("all", "192.0.2.77")
    assert here.send().code == 200
    _until(lambda: there.send().code == 200)


def test_check_charges_and_peek_does_not(stores: Callable[[], Store]) -> None:
    control: Control = Site(rule(limit="3 per hour"), store=stores()).layer.control
    assert [control.check("all", "192.0.2.5").left for _ in range(3)] == [2, 1, 0]
    assert control.peek("all", "192.0.2.5").allowed is False
    denied = control.check("all", "192.0.2.5", cost=1)
    assert (denied.allowed, denied.left, denied.blocked) == (False, 0, False)
    assert 0 < denied.retry_after <= 7200
    with pytest.raises(LookupError, match="there is no rate limit rule 'none'"):
        control.check("none", "x")
    with pytest.raises(ValueError, match="expected an address"):
        control.check("all", "not an address")


@pytest.mark.parametrize("key", [None, 7, "", b"x", [], [None], ["192.0.2.1", "x"], {}, {"user": "x"}])
def test_key_that_is_none_is_said_to_be_none(key: Any) -> None:
    control: Control = Site(rule(limit="3 per hour")).layer.control
    for act in (control.check, control.peek, control.reset, control.block, control.unblock):
        with pytest.raises(ValueError, match="rule 'all' counts by ip: expected a value for each"):
            act("all", key)


def test_block_takes_times_as_people_write_them() -> None:
    site = Site(rule("all", "3 per hour"), rule("own", "3 per hour", block=600.0))
    control: Control = site.layer.control
    for name, written, seconds in (
        ("all", 90, 90), ("all", "2 hours", 7200), ("all", 1.5, 2), ("all", None, 3600), ("own", None, 600),
    ):  # fmt: skip
        control.block(name, CLIENT, written)
        assert control.peek(name, CLIENT).retry_after == seconds
    wrong: Any
    for wrong in (0, -1, "soon", True, [], 10**9, float("nan")):
        with pytest.raises(ValueError, match="expected"):
            control.block("all", CLIENT, wrong)
    for cost in ("1", None, 1.5, True):
        with pytest.raises(ValueError, match="expected a cost of 0 to"):
            control.check("all", CLIENT, cost)  # type: ignore[arg-type]


SENT = [
    ("block", {"key": CLIENT}, 200, ""),
    ("block", {"key": CLIENT, "duration": "2 hours"}, 200, ""),
    ("block", {"key": CLIENT, "duration": "soon"}, 400, "expected a duration"),
    ("block", {"key": CLIENT, "duration": None}, 400, "expected a duration"),
    ("block", {"key": "nobody"}, 400, "the key does not fit the rule"),
    ("block", {"key": [CLIENT, "x"]}, 400, "the key does not fit the rule"),
    ("block", {"key": CLIENT, "for": "1 hour"}, 400, "something else in the body than rule, key, duration"),
    ("reset", {"key": CLIENT, "duration": 1}, 400, "something else in the body than rule, key"),
    ("unblock", {"key": CLIENT}, 200, ""),
    ("reset", {"key": 7}, 400, 'expected {"rule"'),
]


@pytest.mark.parametrize(("act", "sent", "code", "detail"), SENT)
def test_admin_is_told_what_is_wrong(act: str, sent: dict[str, Any], code: int, detail: str) -> None:
    token = "a-token-of-some-length"
    rules = [{"name": "all", "limit": "3 per hour"}]
    guard = Guard(_hello, {"admin": {"token": token}, "rate_limit": {"builtin_rules": "off", "rules": rules}})
    body = json.dumps({"rule": "all", **sent}).encode()
    environ = request(f"/admin/rate-limits/{act}", "POST", body, HTTP_AUTHORIZATION=f"Bearer {token}")
    found = serve(validator(guard), environ)
    assert (found.code, detail in found.body.decode().replace('\\"', '"')) == (code, True)


def test_exempt_key_is_always_allowed(stores: Callable[[], Store]) -> None:
    overrides = (OverrideSection(("root",), (), exempt=True), OverrideSection(("alice",), (Limit(9, 3600),)))
    control: Control = Site(rule(limit="3 per hour", key=("user",), overrides=overrides), store=stores()).layer.control
    assert all(control.check("all", "root").allowed for _ in range(9))
    assert [control.check("all", "alice").left, control.peek("all", "alice").left] == [8, 8]
    assert control.peek("all", "root").allowed


@pytest.mark.parametrize("plan", ["5 per minute", "1 per minute; 9 per day"])
@pytest.mark.parametrize("algorithm", ["sliding-window", "sliding-log", "token-bucket"])
def test_operators_hand_reaches_limits_of_other_windows(
    stores: Callable[[], Store], algorithm: str, plan: str
) -> None:
    overrides = (OverrideSection((CLIENT,), limits(plan)),)
    site = Site(rule(limit="9 per hour", overrides=overrides, algorithm=algorithm), store=stores())
    control: Control = site.layer.control
    before = site.codes(6)
    assert before[-1] == 429
    control.reset("all", CLIENT)
    assert site.codes(6) == before
    control.reset("all", CLIENT)
    control.block("all", CLIENT, 300)
    assert site.codes(2) == [429, 429]
    control.unblock("all", CLIENT)
    assert site.codes(6) == before


def test_record_of_a_blocked_key_says_so() -> None:
    site = Site(rule(limit="5 per hour"))
    site.layer.control.block("all", CLIENT, 300)
    site.send()
    assert [decision.reason for decision in site.facts.decisions or ()] == ["the key is blocked"]


@pytest.mark.parametrize("algorithm", ["sliding-window", "sliding-log", "token-bucket", "concurrency"])
def test_block_holds_whatever_plan_a_key_has(stores: Callable[[], Store], algorithm: str) -> None:
    limit = "9" if algorithm == "concurrency" else "9 per minute"
    written = rule(limit=limit, limit_by="tests.ratelimit.targets:plan", algorithm=algorithm)
    control: Control = Site(written, store=stores()).layer.control
    control.block("all", CLIENT, 300)
    # A worker that has met neither the key nor its plan.
    site = Site(written, store=stores())
    denied = site.send(HTTP_PLAN="pro")
    assert (denied.code, field(denied, "Retry-After")) == (429, "300")
    assert str(field(denied, "RateLimit")).startswith('"all";r=0;t=')
    control.unblock("all", CLIENT)
    _until(lambda: site.send(HTTP_PLAN="pro").code == 200)
    assert site.send(HTTP_PLAN="free").code == 200
    assert [told.quantity for told in limits_of(site.facts)] == [9]
    if algorithm != "concurrency":
        assert field(site.send(HTTP_PLAN="pro"), "RateLimit-Policy") == '"all";q=5;w=3600'
        assert [told.quantity for told in limits_of(site.facts)] == [5]
        site.codes(6, HTTP_PLAN="pro")
        site.layer.control.reset("all", CLIENT)
        assert site.send(HTTP_PLAN="pro").code == 200


def test_denied_client_is_answered_without_the_store(redis_server: Redis) -> None:
    store = RedisStore(redis_server.url, 5.0)
    rules = [rule(f"r{n}", "3 per hour") for n in range(3)]
    site = Site(*rules, store=store)
    assert site.codes(6) == [200, 200, 200, 429, 429, 429]
    _until(lambda: site.send() is not None and _heard(site))
    site.codes(3)
    before = calls(redis_server)
    assert site.codes(500) == [429] * 500
    assert calls(redis_server) == before
    assert site.codes(2, ip="192.0.2.1") == [200, 200]
    assert calls(redis_server) == before + 2
    store.close()


def test_known_denial_tells_what_the_store_would(stores: Callable[[], Store]) -> None:
    site = Site(rule("a", "1 per hour"), rule("b", "100 per day"), store=stores())
    site.codes(5)
    head = site.send()
    assert field(head, "RateLimit-Policy") == '"a";q=1;w=3600, "b";q=100;w=86400'
    assert (field(head, "RateLimit") or "").startswith('"a";r=0;t=')
    assert 0 < int(field(head, "Retry-After") or 0) <= 7200


def test_known_denials_are_logged_one_by_one_and_then_once_a_minute() -> None:
    site = Site(rule(limit="1 per hour"))
    site.codes(2)
    told = []
    for _ in range(BURST + 2):
        site.send()
        told.append(len(site.decisions()))
    # The store gave the first of them too.
    assert told == [1] * (BURST + 1) + [0]
    assert site.layer.census.denials["all"] == BURST + 3


def test_another_limit_of_the_client_is_not_known_denied() -> None:
    site = Site(rule("login", "1 per hour", path=("/login",)), rule("pages", "10 per hour", path=("/pages",)))
    assert site.codes(4, "/login") == [200, 429, 429, 429]
    assert site.codes(2, "/pages") == [200, 200]


def _heard(site: Site) -> bool:
    """Whether the store's generation has settled: a subscription changes it once."""
    return site.layer.ledger.store.generation > 0 or site.layer.ledger.store.name != "redis"


def _until(done: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = monotonic() + seconds
    while not done():
        assert monotonic() < deadline
        sleep(0.01)


ACCEPTS = ("", "application/json", "text/html", "*/*")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_each_denied_again_gets_an_answer_of_its_own(method: str) -> None:
    """What is made once for many tells each the id, form and time that are its own."""
    guard = Guard(_hello, {"rate_limit": {"builtin_rules": "off", "rules": [{"name": "a", "limit": "1 per hour"}]}})
    for _ in range(3):
        serve(guard, request("/", method))
    for accept in ACCEPTS * 2:
        found = serve(validator(guard), request("/", method, HTTP_ACCEPT=accept))
        body = found.body.decode()
        assert found.code == 429
        assert found.header("Content-Type") == ("text/html; charset=utf-8" if "html" in accept else PROBLEM)
        if method == "HEAD":
            assert body == ""
            continue
        assert found.header("Content-Length") == str(len(found.body))
        assert body.count(found.header("X-Request-ID") or "none") == 1
        assert f"try again in {found.header('Retry-After')} seconds" in body


def test_id_of_a_trusted_proxy_is_told_to_the_denied() -> None:
    rules = [{"name": "a", "limit": "1 per hour"}]
    settings = {"guard": {"trusted_proxies": ["10.0.0.1"]}, "rate_limit": {"builtin_rules": "off", "rules": rules}}
    guard = Guard(_hello, settings)
    for name in ("first-of-them", "a-rather-longer-request-id", "third-in-row", "0123456789abcdef" * 2):
        environ = request("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1", HTTP_X_REQUEST_ID=name)
        found = serve(validator(guard), environ)
        assert found.header("X-Request-ID") == name
        assert found.code == 200 or json.loads(found.body)["request_id"] == name


def _hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
