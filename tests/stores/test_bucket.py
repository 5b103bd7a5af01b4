"""The arithmetic of the token bucket, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.stores import bucket
from wsgi_guard.stores.window import PARTS

QUANTITIES = st.integers(1, 10**9)
WINDOWS = st.integers(1, 31 * 86400)
TIMES = st.integers(0, 31 * 86400 * 1_000_000)


@given(QUANTITIES, WINDOWS, TIMES)
def test_drain_is_the_exact_share_rounded_down(quantity: int, window: int, elapsed: int) -> None:
    exact = Fraction(elapsed * quantity, window)
    assert bucket.drained(quantity, window, elapsed) == exact.numerator // exact.denominator


@given(QUANTITIES, WINDOWS, st.integers(0, 10**9), st.integers(1, 10**9))
def test_charge_fits_when_its_wait_is_over_and_not_before(quantity: int, window: int, debt: int, cost: int) -> None:
    brim = quantity * PARTS
    debt, cost = min(debt * PARTS, brim), min(cost, quantity)
    wait = bucket.wait(brim, quantity, window, debt, cost)
    assert bucket.fits(brim, bucket.owed(debt, quantity, window, wait), cost)
    assert wait == 0 or not bucket.fits(brim, bucket.owed(debt, quantity, window, wait - 1), cost)


@given(QUANTITIES, WINDOWS, st.lists(st.tuples(TIMES, st.integers(1, 50)), max_size=12), TIMES)
def test_refund_never_gives_more_than_was_taken(
    quantity: int, window: int, charges: list[tuple[int, int]], later: int
) -> None:
    debt = now = 0
    for step, cost in charges:
        debt, now = bucket.owed(debt, quantity, window, step) + cost * PARTS, now + step
    with_it = debt + 7 * PARTS
    back = bucket.refundable(7, with_it, quantity, window, later)
    left = bucket.owed(with_it, quantity, window, later)
    assert left - back >= 0
    assert left - back >= bucket.owed(debt, quantity, window, later)


def test_clock_that_went_back_drains_nothing() -> None:
    assert bucket.owed(5 * PARTS, 10, 60, -1_000_000) == 5 * PARTS


def test_what_never_fits_waits_two_windows() -> None:
    assert bucket.wait(10 * PARTS, 10, 60, 0, 11) == bucket.wait(0, 0, 60, 0, 1) == 120 * PARTS
