"""What every store keeps, whatever it is made of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.support.redis_groups import until
from tests.support.stores import KINDS, opened
from wsgi_guard.stores import Debt, Policy, State, Store
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_700_000_040_000_000 // MINUTE * MINUTE
HOSTILE = (
    "", " ", "\n", "a\r\nb", "\0", "\0\0", "*", "?", "[a-z]", "{}", "{a}", "}", "{", "$33\r\n", "'; DROP", "é",
    "e\u0301", "\udcff", "\u202e", "x" * 8192, "x" * 8191 + "y", "名", "1.2.3.4", "1.2.3.4 ", "\uff21", "A",
)  # fmt: skip
_serial = count()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with opened(request, keys=100_000, slots=4096, server="shared_redis") as store:
        yield store


def _charge(
    store: Store, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None
) -> tuple[bool, list[State]]:
    admitted, states, _ = store.charge(policies, keys, None, now)
    return admitted, states


def _policy(quantity: int, window: int = 60, *, enforced: bool = True) -> Policy:
    return Policy(f"contract-{os.getpid()}-{next(_serial)}", quantity, window, enforced)


def test_admits_exactly_the_quantity(store: Store) -> None:
    policy = _policy(3)
    assert [_charge(store, [policy], ["a"], START)[0] for _ in range(5)] == [True, True, True, False, False]
    assert _charge(store, [policy], ["b"], START) == (True, [(True, 0, 0, 1)])


def test_own_clock_serves_without_now(store: Store) -> None:
    policy = _policy(2, 31 * 86400)
    assert [_charge(store, [policy], ["a"])[0] for _ in range(3)] == [True, True, False]


def test_denied_charge_spends_nothing(store: Store) -> None:
    wide, narrow = _policy(10), _policy(1)
    assert _charge(store, [wide, narrow], ["a", "a"], START)[0]
    for _ in range(5):
        assert _charge(store, [wide, narrow], ["a", "a"], START) == (False, [(True, 0, 0, 1), (False, 0, 0, 1)])
    assert _charge(store, [narrow, wide], ["b", "a"], START) == (True, [(True, 0, 0, 1), (True, 0, 0, 2)])


def test_shadow_policy_stands_in_nobodys_way(store: Store) -> None:
    real, shadow = _policy(4), _policy(1, enforced=False)
    tallies = [_charge(store, [shadow, real], ["a", "a"], START) for _ in range(5)]
    assert [admitted for admitted, _ in tallies] == [True, True, True, True, False]
    assert [states[0][0] for _, states in tallies] == [True, False, False, False, False]
    assert tallies[-1][1] == [(False, 0, 0, 1), (False, 0, 0, 4)]


def test_previous_window_fades_out(store: Store) -> None:
    policy = _policy(10)
    for _ in range(10):
        assert _charge(store, [policy], ["a"], START)[0]
    assert _charge(store, [policy], ["a"], START + MINUTE) == (False, [(False, 0, 10, 0)])
    first = START + MINUTE + MINUTE // 20  # where the ten of the window before weigh nine and a half
    assert _charge(store, [policy], ["a"], first)[0] is False
    assert _charge(store, [policy], ["a"], first + 60) == (True, [(True, 50_001, 10, 1)])
    assert _charge(store, [policy], ["a"], START + 2 * MINUTE) == (True, [(True, 0, 1, 1)])
    assert _charge(store, [policy], ["a"], START + 9 * MINUTE) == (True, [(True, 0, 0, 1)])


@pytest.mark.parametrize("window", [1, 60, 31 * 86400])
@pytest.mark.parametrize("quantity", [0, 1, 10**9])
def test_extreme_limits_are_exact(store: Store, quantity: int, window: int) -> None:
    policy = _policy(quantity, window)
    assert _charge(store, [policy], ["a"], START)[0] == (quantity > 0)
    assert _charge(store, [policy], ["a"], START)[0] == (quantity > 1)


def test_hostile_keys_are_keys_like_any(store: Store) -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 26
    policy = _policy(1)
    for key in HOSTILE:
        assert _charge(store, [policy], [key], START)[0], key[:20]
    for key in HOSTILE:
        assert not _charge(store, [policy], [key], START)[0], key[:20]


def test_sixteen_policies_in_one_charge(store: Store) -> None:
    policies = [_policy(2) for _ in range(16)]
    keys = [f"key-{at % 3}" for at in range(16)]
    assert [_charge(store, policies, keys, START)[0] for _ in range(3)] == [True, True, False]


def test_lengths_must_agree(store: Store) -> None:
    with pytest.raises(ValueError, match="zip"):
        _charge(store, [_policy(1)], ["a", "b"], START)


@pytest.mark.parametrize("keys", [("one",), ("one", "two", "three")])
def test_threads_admit_exactly_the_limit(store: Store, keys: tuple[str, ...]) -> None:
    policies = [_policy(200, 31 * 86400), _policy(10_000, 31 * 86400)]

    def hammer(at: int) -> list[str]:
        chosen = [keys[(at + turn) % len(keys)] for turn in range(100)]
        return [key for key in chosen if _charge(store, policies, [key, "all"])[0]]

    with ThreadPoolExecutor(8) as threads:
        passed = [key for found in threads.map(hammer, range(8)) for key in found]
    assert len(passed) == min(800, 200 * len(keys))
    assert all(passed.count(key) <= 200 for key in keys)
    assert _charge(store, [policies[1]], ["all"])[1][0][3] == len(passed) + 1


def test_answers_ping(store: Store) -> None:
    store.ping(1.0)


def test_renewed_entry_outlives_its_window(store: Store) -> None:
    policy = Policy(_policy(1).id, 1, 10, algorithm=LOG)
    _, states, at = store.charge([policy], ["a"], None, START)
    debts = [Debt(policy, "a", 1, at, states[0])]
    for seconds in (9, 18, 40):
        debts = store.renew(debts, START + seconds * SECOND)
        assert not store.peek([policy], ["a"], START + (seconds + 9) * SECOND)[0]
    store.refund(debts, START + 41 * SECOND)
    assert store.peek([policy], ["a"], START + 41 * SECOND)[0]


def test_renewing_takes_no_other_entry(store: Store) -> None:
    policy = Policy(_policy(1).id, 3, 10, algorithm=LOG)
    debts = []
    for second in range(3):
        _, states, at = store.charge([policy], ["a"], None, START + second * SECOND)
        debts.append(Debt(policy, "a", 1, at, states[0]))
    (first,) = store.renew(debts[:1], START + 5 * SECOND)
    assert store.charge([policy], ["a"], None, START + 10 * SECOND)[1][0][:2] == (0, 3)
    assert store.peek([policy], ["a"], START + 11 * SECOND)[1][0][:2] == (1, 2)
    store.refund([first], START + 11 * SECOND)
    assert store.peek([policy], ["a"], START + 11 * SECOND)[1][0][:2] == (1, 1)


@pytest.mark.parametrize("algorithm", [WINDOW, LOG, BUCKET])
def test_charge_given_back_lifts_the_block_it_brought(store: Store, algorithm: str) -> None:
    policy, debts = _blocking(algorithm), []
    for _ in range(2):
        _, states, at = store.charge([policy], ["a"], None, START)
        debts.append(Debt(policy, "a", 1, at, states[0]))
    assert _charge(store, [policy], ["a"], START + SECOND)[1] == [(-1, 900 * SECOND, 0, 0)]
    known = store.generation
    store.refund(debts[:1], START + 2 * SECOND)
    until(lambda: store.generation != known)
    assert [_charge(store, [policy], ["a"], START + 2 * SECOND)[0] for _ in range(2)] == [True, False]
    assert _charge(store, [policy], ["a"], START + 3 * SECOND)[1][0][0] == -1


@pytest.mark.parametrize("algorithm", [WINDOW, LOG, BUCKET])
def test_block_by_hand_or_of_others_stays_when_charges_are_given_back(store: Store, algorithm: str) -> None:
    policy = _blocking(algorithm)
    _, states, at = store.charge([policy], ["a"], None, START)
    slow = Debt(policy, "a", 1, at, states[0])
    store.block([policy], ["a"], 900, START)
    store.refund([slow], START + SECOND)
    assert _charge(store, [policy], ["a"], START + SECOND)[1][0][0] == -1
    store.block([policy], ["a"], 0, START + SECOND)
    later = START + 3 * MINUTE
    assert [_charge(store, [policy], ["a"], later)[1][0][0] for _ in range(3)] == [1, 1, -1]
    store.refund([slow], later)
    assert _charge(store, [policy], ["a"], later)[1][0][0] == -1


def _blocking(algorithm: str) -> Policy:
    return Policy(_policy(2).id, 2, 60, algorithm=algorithm, block=900, lifts=True)
