"""The memory store: bounded whatever clients do, and exact about how much it holds."""

from __future__ import annotations

from random import Random

import pytest

from wsgi_guard.stores import MemoryStore, Policy
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW
from wsgi_guard.stores.tables import Aging, weight

MINUTE = 60_000_000
START = 1_700_000_040_000_000 // MINUTE * MINUTE


def _held(store: MemoryStore) -> int:
    """What the tables hold, counted anew."""
    found = 0
    for table in store._tables.values():
        if isinstance(table, Aging):
            found += sum(map(weight, [*table._old.values(), *table._new.values()]))
        else:
            found += len(table)
    return found


@pytest.mark.parametrize("algorithm", [WINDOW, BUCKET, LOG])
def test_never_holds_more_than_its_bound(algorithm: str) -> None:
    store, dice = MemoryStore(100), Random(1)
    policies = [Policy(name, 5, window, algorithm=algorithm) for name, window in (("m", 60), ("h", 3600), ("s", 1))]
    now = START
    for number in range(10_000):
        now += dice.choice((0, 0, 1000, MINUTE // 3))
        store.charge(policies, [f"client-{number if dice.random() < 0.8 else number % 10}"] * 3, None, now)
        assert _held(store) == len(store) <= 100


def test_expired_keys_go_first() -> None:
    store = MemoryStore(10)
    short, long = Policy("short", 5, 1), Policy("long", 5, 3600)
    for number in range(9):
        store.charge([short], [f"brief-{number}"], None, START)
    store.charge([long], ["kept"], None, START)
    store.charge([long], ["new"], None, START + 5 * MINUTE)
    assert store.charge([long], ["kept"], None, START + 5 * MINUTE)[1][0][3] == 2
    assert len(store) == 2


def test_oldest_of_the_largest_makes_room() -> None:
    store = MemoryStore(10)
    login, pages = Policy("login", 5, 60), Policy("pages", 5, 3600)
    for number in range(3):
        store.charge([login], [f"client-{number}"], None, START)
    for number in range(500):
        store.charge([pages], [f"page-{number}"], None, START)
    assert len(store) == 10
    assert [store.charge([login], [f"client-{number}"], None, START)[1][0][3] for number in range(3)] == [2, 2, 2]
    assert store.charge([pages], ["page-0"], None, START)[1][0][3] == 1


def test_flood_of_keys_keeps_recent_counts() -> None:
    """Who wants to forget his own count must bring as many new keys as the store holds."""
    store, policy = MemoryStore(1000), Policy("login", 3, 60)
    for _ in range(3):
        assert store.charge([policy], ["attacker"], None, START)[0]
    for number in range(900):
        store.charge([policy], [f"noise-{number}"], None, START)
    assert not store.charge([policy], ["attacker"], None, START)[0]


def test_windows_of_the_past_are_dropped_whole() -> None:
    store, policy = MemoryStore(100_000), Policy("minute", 5, 60)
    for number in range(500):
        store.charge([policy], [f"client-{number}"], None, START)
    store.charge([policy], ["a"], None, START + MINUTE)
    assert len(store) == 501
    store.charge([policy], ["a"], None, START + 2 * MINUTE)
    assert len(store) == 2


def test_clock_that_steps_back_gives_nothing_away_unless_it_is_far() -> None:
    store, policy = MemoryStore(10), Policy("minute", 1, 60)
    assert store.charge([policy], ["a"], None, START)[0]
    assert not store.charge([policy], ["a"], None, START - MINUTE)[0]
    assert store.charge([policy], ["a"], None, START - 5 * MINUTE)[0]
    assert len(store) == 1


def test_store_of_one_key_keeps_its_bound() -> None:
    store, policies = MemoryStore(1), [Policy("one", 30, 60), Policy("two", 30, 60)]
    for _ in range(20):
        assert store.charge(policies, ["a", "b"], None, START)[0]
        assert _held(store) == len(store) == 1


def test_close_forgets_everything() -> None:
    store, policy = MemoryStore(10), Policy("minute", 1, 60)
    store.charge([policy], ["a"], None, START)
    store.close()
    assert len(store) == 0
    assert store.charge([policy], ["a"], None, START)[0]
