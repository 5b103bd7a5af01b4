"""The arithmetic: what it promises, and how far it may be off."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from math import floor

from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_guard.stores.window import PARTS, fits, refunded, remaining, wait

BILLION = 10**9
quantities = st.integers(0, BILLION)
parts = st.integers(0, PARTS - 1)


@given(quantities, parts, quantities, quantities)
def test_fits_is_the_exact_comparison(quantity: int, part: int, previous: int, current: int) -> None:
    estimate = previous * (1 - Fraction(part, PARTS)) + current
    assert fits(quantity * PARTS, part, previous, current) == (floor(estimate + Fraction(1, 2)) < quantity)


@given(quantities, parts, quantities, quantities)
def test_numbers_stay_exact_in_doubles(quantity: int, part: int, previous: int, current: int) -> None:
    assert previous * (PARTS - part) + current * PARTS < 2**53
    assert quantity * PARTS < 2**53


@given(quantities, parts, quantities, quantities)
def test_remaining_is_what_still_fits(quantity: int, part: int, previous: int, current: int) -> None:
    left = remaining(quantity, part, previous, current)
    if left:
        assert fits(quantity * PARTS, part, previous, current + left - 1)
    assert not fits(quantity * PARTS, part, previous, current + left)


@given(st.integers(1, BILLION), parts, quantities, quantities)
@example(1, 0, 0, 1)
@example(10, PARTS - 1, 10, 10)
def test_wait_ends_at_first_fit(quantity: int, part: int, previous: int, current: int) -> None:
    previous, current = min(previous, quantity), min(current, quantity)
    scaled = quantity * PARTS
    until = wait(scaled, part, previous, current)
    assert _fits_after(until, scaled, part, previous, current)
    if until:
        assert not _fits_after(until - 1, scaled, part, previous, current)


def _fits_after(parts_later: int, scaled: int, part: int, previous: int, current: int) -> bool:
    windows, later = divmod(part + parts_later, PARTS)
    kept = [(previous, current), (current, 0), (0, 0)][min(windows, 2)]
    return fits(scaled, later, *kept)


def test_nothing_ever_fits_into_zero() -> None:
    assert wait(0, 5, 0, 0) == 2 * PARTS
    assert remaining(0, 5, 0, 0) == 0


@given(quantities, parts, quantities, quantities, quantities)
def test_cost_fits_as_that_many_charges_would(quantity: int, part: int, previous: int, current: int, cost: int) -> None:
    assert fits(quantity * PARTS, part, previous, current, cost + 1) == fits(
        quantity * PARTS, part, previous, current + cost
    )


@given(st.integers(0, 3), quantities, quantities, quantities)
def test_refund_takes_from_the_window_of_the_charge(charged: int, previous: int, current: int, cost: int) -> None:
    before, now = refunded(2, previous, current, cost, charged)
    assert (before, now) == (
        max(0, previous - cost) if charged == 1 else previous,
        max(0, current - cost) if charged == 2 else current,
    )


@given(st.integers(1, 5), st.lists(st.integers(0, 400_000), max_size=120))
def test_window_stays_within_stated_bound(quantity: int, gaps: list[int]) -> None:
    """With a window of one second, microseconds are parts."""
    now, index, previous, current = 0, 0, 0, 0
    admitted: deque[int] = deque()
    for gap in gaps:
        now += gap
        turns = now // PARTS - index
        if turns:
            previous, current, index = (current if turns == 1 else 0), 0, now // PARTS
        if fits(quantity * PARTS, now % PARTS, previous, current):
            current += 1
            admitted.append(now)
            assert current <= quantity
        while admitted and admitted[0] <= now - PARTS:
            admitted.popleft()
        assert len(admitted) <= quantity + round_half_up(quantity * (now % PARTS)) <= 2 * quantity


def round_half_up(parts: int) -> int:
    return (parts + PARTS // 2) // PARTS


@given(st.integers(1, 50))
def test_who_keeps_asking_gets_the_quantity_in_every_window(quantity: int) -> None:
    previous = 0
    for _ in range(5):
        current = 0
        for part in range(0, PARTS, PARTS // 200):
            current += fits(quantity * PARTS, part, previous, current)
        current += fits(quantity * PARTS, PARTS - 1, previous, current)
        assert current == quantity
        previous = current
