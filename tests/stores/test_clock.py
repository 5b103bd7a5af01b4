"""Clocks that step, as a server's may when it is set: no store gives more away between steps, or shuts out for good."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from random import Random

import pytest

from tests.support.redis import Redis
from wsgi_guard.stores import MemoryStore, Policy, Store
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.shared import SharedStore, SharedTable

HISTORIES = 200 if os.environ.get("WSGI_GUARD_SOAK") else 10
CHARGES = 150
START = 1_700_000_000_000_000
MINUTE = 60_000_000
_serial = count()
pytestmark = pytest.mark.soak


@pytest.fixture(params=["memory", "shared", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "redis":
        server: Redis = request.getfixturevalue("shared_redis")
        opened = RedisStore(server.url, 5.0)
        yield opened
        opened.close()
    else:
        yield MemoryStore(10_000) if request.param == "memory" else SharedStore(SharedTable.create(1024), 5.0)


def _policy(dice: Random, algorithm: str) -> Policy:
    return Policy(f"clock-{os.getpid()}-{next(_serial)}", dice.randint(1, 6), 60, algorithm=algorithm)


def _step(dice: Random) -> int:
    """Mostly onwards by a little; now and then far, either way."""
    if dice.random() < 0.9:
        return dice.randrange(MINUTE // 4)
    return dice.choice((-1, 1)) * dice.choice((1, 1000, MINUTE // 2, MINUTE, dice.randrange(5 * MINUTE), 10**12))


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_log_keeps_its_limit_between_the_steps(store: Store, seed: int) -> None:
    dice = Random(seed)
    policy, now = _policy(dice, LOG), START
    found: list[list[int]] = [[]]
    for _ in range(CHARGES):
        step = _step(dice)
        now += step
        if step < 0:
            found.append([])
        cost = dice.randint(1, 3)
        if store.charge([policy], ["a"], [cost], now)[0]:
            found[-1] += [now] * cost
    assert sum(map(len, found)) >= 10
    for admitted in found:
        for begin in admitted:
            assert sum(begin <= time < begin + policy.span for time in admitted) <= policy.quantity


@pytest.mark.parametrize("algorithm", [WINDOW, LOG, BUCKET])
@pytest.mark.parametrize("seed", range(HISTORIES))
def test_no_step_shuts_out_for_longer_than_two_windows(store: Store, algorithm: str, seed: int) -> None:
    dice = Random(seed)
    policy, now = _policy(dice, algorithm), START
    for _ in range(CHARGES // 3):
        now += _step(dice)
        store.charge([policy], ["a"], None, now)
    assert store.charge([policy], ["a"], None, now + 2 * policy.span)[0]
