"""Python and Lua, fed the same histories, decide the same."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from random import Random

import pytest

from tests.stores.model import Model
from tests.support.redis import Redis
from wsgi_guard.stores import Debt, MemoryStore, Policy, Store, Tally
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.shared import SharedStore, SharedTable

# 100,000 decisions in a soak, a twentieth of them here.
DECISIONS = 100_000 if os.environ.get("WSGI_GUARD_SOAK") else 5_000
HISTORIES = 25
# Nothing shorter than a real minute: Redis forgets by its own clock, these histories run on one of theirs.
WINDOWS = (60, 61, 300, 3600, 86_400, 31 * 86_400)
QUANTITIES = (0, 1, 2, 3, 7, 50, 10**9)
# A bucket of 10^9 is full again before Redis, which forgets what is full, has answered.
LOGGED = (0, 1, 2, 3, 7, 50)
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
    found = []
    for at in range(6):
        algorithm = dice.choice((WINDOW, WINDOW, LOG, BUCKET))
        quantity = dice.choice(QUANTITIES if algorithm == WINDOW else LOGGED)
        block, after = dice.choice(((0, 1), (0, 1), (90, 1), (3600, 3)))
        burst = dice.choice((0, 0, quantity + 3)) if algorithm == BUCKET and quantity else 0
        found.append(
            Policy(
                f"{history}-{at}", quantity, dice.choice(WINDOWS), dice.random() < 0.8,
                algorithm=algorithm, burst=burst, block=block, after=after, lifts=dice.random() < 0.6,
            )
        )  # fmt: skip
    return found


def _step(dice: Random, policies: list[Policy]) -> int:
    """Microseconds to the next charge: often little, sometimes to an edge or beyond a window."""
    span = dice.choice(policies).span
    return dice.choice((0, 1, dice.randrange(1000), dice.randrange(span // 20), dice.randrange(3 * span)))


class History:
    """One history, told to the model and to stores alike."""

    def __init__(self, dice: Random, stores: list[Store]) -> None:
        self.dice, self.stores, self.model = dice, stores, Model()
        self.policies = _policies(dice)
        self.owed: list[Debt] = []

    def go_on(self, now: int) -> None:
        dice = self.dice
        charged = dice.sample(self.policies, dice.randint(1, 6))
        alike = dice.random() < 0.5
        keys = ["client-0" if alike else f"client-{dice.randrange(3)}" for _ in charged]
        kind = dice.random()
        if kind < 0.06:
            self._same(self.model.peek(charged, keys, now), [store.peek(charged, keys, now) for store in self.stores])
        elif kind < 0.08:
            self._act(charged[0], keys[0], dice.choice((0, 30, 600)), now)
        elif kind < 0.09:
            self.model.forget(charged[0], keys[0])
            for store in self.stores:
                store.forget(charged[:1], keys[:1], now)
        elif kind < 0.25 and self.owed:
            self._settle(self.owed.pop(dice.randrange(len(self.owed))), now)
        else:
            self._charge(charged, keys, now)

    def _charge(self, charged: list[Policy], keys: list[str], now: int) -> None:
        dice = self.dice
        costs = None if dice.random() < 0.6 else [dice.choice((0, 1, 2, 5)) for _ in charged]
        tally = self.model.charge(charged, keys, costs, now)
        self._same(tally, [store.charge(charged, keys, costs, now) for store in self.stores])
        admitted, states, at = tally
        if admitted:
            for policy, key, cost, state in zip(charged, keys, costs or [1] * len(keys), states, strict=True):
                if state[0] == 1 and cost and dice.random() < 0.3:
                    self.owed.append(Debt(policy, key, cost, at, state))

    def _act(self, policy: Policy, key: str, seconds: int, now: int) -> None:
        self.model.block(policy, key, seconds, now)
        for store in self.stores:
            store.block([policy], [key], seconds, now)

    def _settle(self, debt: Debt, now: int) -> None:
        if debt.policy.algorithm == LOG and self.dice.random() < 0.5:
            self.owed.append(self._renew(debt, now))
        else:
            self._refund(debt, now)

    def _renew(self, debt: Debt, now: int) -> Debt:
        renewed = self.model.renew(debt, now)
        for store in self.stores:
            (found,) = store.renew([debt], now)
            assert found.state[3] == renewed.state[3], store.name
        return renewed

    def _refund(self, debt: Debt, now: int) -> None:
        self.model.refund(debt, now)
        for store in self.stores:
            store.refund([debt], now)

    def _same(self, tally: Tally, found: list[Tally]) -> None:
        for store, one in zip(self.stores, found, strict=True):
            assert one == tally, store.name


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_all_stores_agree_while_time_passes(lua: RedisStore, seed: int) -> None:
    dice = Random(seed)
    history = History(dice, [MemoryStore(10_000), SharedStore(SharedTable.create(4096), 1.0), lua])
    now = START + dice.randrange(10**12)
    for _ in range(DECISIONS // HISTORIES):
        now += _step(dice, history.policies) if dice.random() < 0.3 else 0
        history.go_on(now)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_stores_keep_their_word_when_clocks_jump(lua: RedisStore, seed: int) -> None:
    dice, shared = Random(1000 + seed), SharedStore(SharedTable.create(4096), 1.0)
    # Without blocks: a store may have dropped one that had ended before the clock went back.
    policies, model = [one for one in _policies(dice) + _policies(dice) if not one.block][:6], Model()
    assert policies
    now = START
    for _ in range(DECISIONS // HISTORIES // 5):
        now = max(0, now + dice.choice((-1, 1, 1)) * _step(dice, policies))
        charged = dice.sample(policies, dice.randint(1, len(policies)))
        keys = [f"client-{dice.randrange(2)}" for _ in charged]
        tally = model.charge(charged, keys, None, now)
        assert lua.charge(charged, keys, None, now) == tally
        assert shared.charge(charged, keys, None, now) == tally


@pytest.mark.parametrize("make", [lambda: MemoryStore(400), lambda: SharedStore(SharedTable.create(4096), 1.0)])
def test_usual_charge_is_the_general_one(make: Callable[[], Store]) -> None:
    """Costs that are written out take the general way."""
    dice, usual, general = Random(5), make(), make()
    policies = [Policy("second", 5, 1), Policy("minute", 40, 60), Policy("hours", 90, 7200)]
    now, found = START, Counter[bool]()
    for _ in range(4000):
        now += dice.choice((0, 0, 1000, dice.randrange(3_000_000)))
        charged = policies[: dice.randint(1, 3)]
        keys = dice.choice((["a"] * 3, ["b"] * 3, ["a", "b", "c"]))[: len(charged)]
        tally = usual.charge(charged, keys, None, now)
        assert tally == general.charge(charged, keys, [1] * len(charged), now)
        found[tally[0]] += 1
    assert min(found[True], found[False]) > 100
