"""Charges taken ahead: fewer trips, never more admitted, and a bound on what is denied too early."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.redis import Redis
from tests.support.redis_groups import until
from wsgi_guard.ratelimit.rules import Quota
from wsgi_guard.ratelimit.slices import Slices
from wsgi_guard.settings.sections import RateLimitSection
from wsgi_guard.stores import MemoryStore, Place
from wsgi_guard.stores.contract import Tally
from wsgi_guard.stores.window import PARTS, fits

from .support import Site, calls, field, rule

SECOND = 1_000_000


class Counting(MemoryStore):
    """Memory that knows how often it was asked."""

    trips = 0

    def charge(self, *given: Any, **named: Any) -> Tally:
        self.trips += 1
        return super().charge(*given, **named)


def quota(limit: str = "10000 per hour", ahead: int = 50) -> Quota:
    (found,) = Site(rule(limit=limit, ahead=ahead)).layer.rules.find("all").quotas
    return found


def _spent(history: list[tuple[int, int]], window: int) -> int:
    return sum(cost for at, cost in history if at == window)


@given(
    limit=st.integers(1, 40), window=st.integers(1, 3), ahead=st.integers(2, 12), workers=st.integers(1, 4),
    requests=st.lists(st.tuples(st.integers(0, 3), st.integers(0, SECOND // 4), st.integers(1, 3)), max_size=120),
)  # fmt: skip
def test_slices_admit_no_more_and_deny_within_the_bound(
    limit: int, window: int, ahead: int, workers: int, requests: list[tuple[int, int, int]]
) -> None:
    one = quota(f"{limit} per {window} seconds", ahead)
    store, span = MemoryStore(10), window * SECOND
    processes = [Slices(workers) for _ in range(workers)]
    history: list[tuple[int, int]] = []
    now = 10 * span
    for worker, later, cost in requests:
        now += later
        index, part = now // span, now % span * PARTS // span
        previous, current = _spent(history, index - 1), _spent(history, index)
        admitted, states, _ = processes[worker % workers].charge(store, [one], ["a"], [cost], now)
        assert admitted == (states[0][0] > 0)
        if admitted:
            # As if each request had asked the store: what is spent passes the window's own test.
            assert fits(one.scaled, part, previous, current, cost)
            history.append((index, cost))
        else:
            unspent = ahead - 1
            assert not fits(one.scaled, part, previous + workers * unspent, current + (workers - 1) * unspent, cost)


def test_busy_key_is_counted_in_few_trips() -> None:
    store, slices, one = Counting(10), Slices(1), quota()
    assert all(slices.charge(store, [one], ["a"], None, at * 500)[0] for at in range(1000))
    assert store.trips < 30
    assert store.peek([one], ["a"], 500_000)[1][0][3] <= 1000 + 49


def test_slow_key_takes_nothing_ahead() -> None:
    store, slices, one = Counting(10), Slices(1), quota()
    for at in range(20):
        slices.charge(store, [one], ["a"], None, at * 3 * SECOND)
    assert store.trips == store.peek([one], ["a"], 60 * SECOND)[1][0][3] == 20


def test_many_keys_take_nothing_ahead() -> None:
    store, slices, one = Counting(1000), Slices(1), quota()
    for at in range(500):
        slices.charge(store, [one], [str(at)], None, at)
    assert {store.peek([one], [str(at)], 500)[1][0][3] for at in range(500)} == {1}


def test_one_process_spends_the_whole_limit() -> None:
    store, slices, one = Counting(10), Slices(1), quota("100 per hour", 16)
    admitted = [slices.charge(store, [one], ["a"], None, at * 1000)[0] for at in range(150)]
    assert admitted == [True] * 100 + [False] * 50


def test_two_limits_are_spent_together() -> None:
    store, slices = Counting(10), Slices(1)
    both = [quota("5 per hour", 16), quota("100 per day", 16)]
    admitted = [slices.charge(store, both, ["a", "a"], None, at * 1000)[0] for at in range(20)]
    assert admitted == [True] * 5 + [False] * 15
    assert store.peek([both[1]], ["a"], 20_000)[1][0][3] <= 5 + 15


def test_block_by_hand_ends_a_slice_within_a_second() -> None:
    store, slices, one = Counting(10), Slices(1), quota()
    for at in range(20):
        slices.charge(store, [one], ["a"], None, at)
    store.block([one], ["a"], 60, 20)
    assert not slices.charge(store, [one], ["a"], None, SECOND + 20)[0]


def test_reset_voids_slices_at_once() -> None:
    store, slices, one = Counting(10), Slices(1), quota()
    for at in range(20):
        slices.charge(store, [one], ["a"], None, at)
    store.forget([one], ["a"], 20)
    before = store.trips
    slices.charge(store, [one], ["a"], None, 21)
    assert store.trips == before + 1


def test_forked_process_starts_without_slices() -> None:
    store, slices, one = Counting(10), Slices(1), quota()
    for at in range(20):
        slices.charge(store, [one], ["a"], None, at)
    before, child = store.trips, os.fork()
    if child == 0:
        slices.charge(store, [one], ["a"], None, 21)
        os._exit(store.trips - before)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_slice_passes_no_window() -> None:
    store, slices, one = Counting(10), Slices(1), quota("1000 per second", 50)
    for at in range(40):
        slices.charge(store, [one], ["a"], None, 900_000 + at)
    before = store.trips
    slices.charge(store, [one], ["a"], None, SECOND)
    assert store.trips == before + 1


def _site(server: Redis, ahead: int) -> Site:
    from wsgi_guard.settings.secret import Secret

    store = Place(RateLimitSection(store=Secret(server.url)), lambda: None).open()
    # Once it hears of resets, for what is held by then is given up.
    until(lambda: store.generation > 0)
    return Site(rule(limit="60 per hour"), store=store, ahead=ahead, workers=2)


def test_requests_on_redis_make_fewer_calls(redis_server: Redis) -> None:
    site = _site(redis_server, 8)
    heads = [site.send() for _ in range(80)]
    assert [head.code for head in heads] == [200] * 60 + [429] * 20
    assert calls(redis_server) < 45
    told = [field(head, "RateLimit") or "" for head in heads[:60]]
    assert [int(text.partition(";r=")[2].partition(";")[0]) for text in told] == list(range(59, -1, -1))


def test_two_processes_on_redis_stay_within_the_bound(redis_server: Redis) -> None:
    sites = [_site(redis_server, 8), _site(redis_server, 8)]
    codes = [site.send().code for _ in range(60) for site in sites]
    assert 60 - 3 * 7 <= codes.count(200) <= 60


def test_rule_that_must_ask_makes_the_trip_for_all(redis_server: Redis) -> None:
    rules = rule("a", "1000 per hour", ahead=50), rule("b", "1000 per hour", ahead=0)
    site = Site(*rules, store=_site(redis_server, 0).store)
    site.send()
    before = calls(redis_server)
    site.codes(30)
    assert calls(redis_server) == before + 30
