"""Availability over three spans and percentiles, and the memory they take."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.health.trend import DURATIONS, SLOTS, Trend, rank


def trend_of(runs: str, every: float, began: float = 0.0) -> Trend:
    made = Trend()
    for at, run in enumerate(runs):
        made.add(began + at * every, 0.001 * (at + 1), failed=run == "f")
    return made


SHARES = [
    # runs, seconds between, seconds after the last, shares
    ("", 1.0, 0.0, (None, None, None)),
    ("pppp", 30.0, 0.0, (1.0, 1.0, 1.0)),
    ("ffff", 30.0, 0.0, (0.0, 0.0, 0.0)),
    ("pppf", 30.0, 0.0, (0.75, 0.75, 0.75)),
    ("f" * 10 + "p" * 10, 30.0, 0.0, (1.0, 0.5, 0.5)),
    ("f" * 120 + "p" * 120, 30.0, 0.0, (1.0, 1.0, 0.5)),
    ("f" * 24 + "p" * 24, 3600.0, 0.0, (1.0, 1.0, 1.0)),
    ("pf", 30.0, 400.0, (None, 0.5, 0.5)),
    ("pf", 30.0, 90000.0, (None, None, None)),
]


def test_shares_table_is_whole() -> None:
    assert len(SHARES) == 9


@pytest.mark.parametrize(("runs", "every", "later", "shares"), SHARES)
def test_availability_looks_back_a_span(
    runs: str, every: float, later: float, shares: tuple[float | None, ...]
) -> None:
    made = trend_of(runs, every, began=1e6)
    assert tuple(made.availability(1e6 + max(len(runs) - 1, 0) * every + later).values()) == shares


def test_latency_is_of_the_last_runs() -> None:
    assert Trend().latency() is None
    assert trend_of("p" * 300, 1.0).latency() == pytest.approx((0.25, 0.295))


@pytest.mark.parametrize(("percent", "found"), [(0, 1), (50, 2), (51, 3), (75, 3), (95, 4), (100, 4)])
def test_percentile_is_the_nearest_rank(percent: int, found: float) -> None:
    assert rank([1, 2, 3, 4], percent) == found


@given(st.lists(st.tuples(st.floats(0, 1e5), st.booleans()), max_size=300))
def test_memory_is_bounded_and_survives_the_way(runs: list[tuple[float, bool]]) -> None:
    made, now = Trend(), 0.0
    for step, failed in runs:
        now += step
        made.add(now, 0.1, failed=failed)
    slots, took = made.dump()
    assert len(took) <= DURATIONS
    assert all(len(rows) <= SLOTS for rows in slots.values())
    again = Trend.load(json.loads(json.dumps(made.dump())))
    assert (again.availability(now), again.latency()) == (made.availability(now), made.latency())


def test_a_full_trend_takes_what_it_says() -> None:
    made = trend_of("pf" * 50_000, 30.0)
    slots, took = made.dump()
    size = sum(sys.getsizeof(row) + sum(map(sys.getsizeof, row)) for rows in slots.values() for row in rows)
    assert size + sum(map(sys.getsizeof, took)) < 36 * 1024
