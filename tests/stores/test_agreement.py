"""Python and Lua, fed the same histories, decide the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from random import Random

import pytest

from tests.stores.model import Model
from tests.support.redis import Redis
from wsgi_guard.stores import MemoryStore, Policy
from wsgi_guard.stores.redis import RedisStore

# 100,000 decisions in a soak, a twentieth of them here.
DECISIONS = 100_000 if os.environ.get("WSGI_GUARD_SOAK") else 5_000
HISTORIES = 25
# Nothing shorter than a real minute: Redis forgets by its own clock, these histories run on one of theirs.
WINDOWS = (60, 61, 300, 3600, 86_400, 31 * 86_400)
QUANTITIES = (0, 1, 2, 3, 7, 50, 10**9)
START = 1_700_000_000_000_000
_serial = count()
pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def lua(shared_redis: Redis) -> Iterator[RedisStore]:
    store = RedisStore(shared_redis.url, 5.0)
    yield store
    store.close()


def _policies(dice: Random) -> list[Policy]:
    history = f"agreement-{os.getpid()}-{next(_serial)}"
    return [
        Policy(f"{history}-{at}", dice.choice(QUANTITIES), dice.choice(WINDOWS), dice.random() < 0.8)
        for at in range(6)
    ]


def _step(dice: Random, policies: list[Policy]) -> int:
    """Microseconds to the next charge: often little, sometimes to an edge or beyond a window."""
    span = dice.choice(policies).span
    return dice.choice((0, 1, dice.randrange(1000), dice.randrange(span // 20), dice.randrange(3 * span)))


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_all_stores_agree_while_time_passes(lua: RedisStore, seed: int) -> None:
    dice = Random(seed)
    policies, model, memory = _policies(dice), Model(), MemoryStore(10_000)
    now = START + dice.randrange(10**12)
    for _ in range(DECISIONS // HISTORIES):
        now += _step(dice, policies) if dice.random() < 0.3 else 0
        charged = dice.sample(policies, dice.randint(1, 6))
        keys = [f"client-{dice.randrange(3)}" for _ in charged]
        tally = model.charge(charged, keys, now)
        assert lua.charge(charged, keys, now) == tally
        assert memory.charge(charged, keys, now) == tally


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_lua_keeps_its_word_when_clocks_jump(lua: RedisStore, seed: int) -> None:
    dice = Random(1000 + seed)
    policies, model = _policies(dice), Model()
    now = START
    for _ in range(DECISIONS // HISTORIES // 5):
        now = max(0, now + dice.choice((-1, 1, 1)) * _step(dice, policies))
        charged = dice.sample(policies, dice.randint(1, 3))
        keys = [f"client-{dice.randrange(2)}" for _ in charged]
        assert lua.charge(charged, keys, now) == model.charge(charged, keys, now)
