"""Clocks that step, as a server's may when it is set: no store gives more away between steps, or shuts out for good."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from random import Random

import pytest

from tests.support.stores import KINDS, opened
from wsgi_guard.stores import Policy, Store
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW

HISTORIES = 200 if os.environ.get("WSGI_GUARD_SOAK") else 10
CHARGES = 150
START = 1_700_000_000_000_000
MINUTE = 60_000_000
_serial = count()
pytestmark = pytest.mark.soak


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with opened(request, keys=10_000, slots=1024, server="shared_redis") as store:
        yield store


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
