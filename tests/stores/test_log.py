"""The arithmetic of the sliding log, on rows of times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.stores import MemoryStore, Policy, log
from wsgi_guard.stores.contract import LOG

STEPS = st.lists(st.tuples(st.integers(0, 400_000), st.integers(1, 3)), min_size=1, max_size=60)


@given(STEPS, st.integers(1, 6))
def test_no_window_ever_holds_more_than_the_limit(steps: list[tuple[int, int]], quantity: int) -> None:
    store, policy = MemoryStore(1000), Policy("p", quantity, 1, algorithm=LOG)
    now, admitted = 10**9, []
    for step, cost in steps:
        now += step
        if store.charge([policy], ["a"], [cost], now)[0]:
            admitted += [now] * cost
    for start in admitted:
        assert sum(start <= time < start + policy.span for time in admitted) <= quantity


@given(STEPS, st.integers(1, 6), st.integers(1, 6))
def test_wait_ends_when_the_charge_fits(steps: list[tuple[int, int]], quantity: int, cost: int) -> None:
    store, policy = MemoryStore(1000), Policy("p", quantity, 1, algorithm=LOG)
    now = 10**9
    for step, each in steps:
        now += step
        store.charge([policy], ["a"], [each], now)
    admitted, ((_, _, _, wait),), _ = store.charge([policy], ["a"], [cost], now)
    if admitted:
        return
    if cost > quantity:
        assert wait == 2 * policy.span
        return
    assert not store.charge([policy], ["a"], [cost], now + wait - 1)[0]
    assert store.charge([policy], ["a"], [cost], now + wait)[0]


def test_row_from_the_far_future_is_forgotten() -> None:
    assert log.expired([5_000_000], 1_000_000, 3_000_000) == 1
    assert log.expired([4_000_000], 1_000_000, 3_000_000) == 0
