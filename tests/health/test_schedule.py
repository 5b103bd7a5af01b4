"""When checks run: never two at a time, none forgotten, never in a spin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.health.decide import Check
from wsgi_guard.health.schedule import Schedule


def schedule(*, interval: float = 30.0, timeout: float = 5.0, random: float = 0.5) -> Schedule:
    return Schedule({"a": Check("a", "http", interval=interval, timeout=timeout)}, 100.0, lambda: random)


def test_all_are_due_at_the_start() -> None:
    checks = {name: Check(name, "http", tier=tier) for name, tier in (("a", "info"), ("b", "ready"), ("c", "info"))}
    assert Schedule(checks, 100.0, lambda: 0.5).due(100.0) == ["b", "a", "c"]


def test_nothing_is_due_in_flight() -> None:
    plan = schedule()
    plan.began("a", 100.0)
    assert plan.due(10_000.0) == []


@pytest.mark.parametrize(("random", "due"), [(0.0, 127.0), (0.5, 130.0), (1.0, 133.0)])
def test_interval_is_jittered_from_the_beginning(random: float, due: float) -> None:
    plan = schedule(random=random)
    plan.began("a", 100.0)
    plan.ended("a", 102.0)
    assert plan.next(102.0) == pytest.approx(due - 102.0)
    assert plan.due(due - 0.01) == []
    assert plan.due(due + 0.01) == ["a"]


def test_slow_check_rests_before_the_next() -> None:
    plan = schedule(interval=2.0)
    plan.began("a", 100.0)
    plan.ended("a", 150.0)
    assert plan.next(150.0) == 1.0


def test_overdue_is_told_once_an_interval() -> None:
    plan = schedule()
    plan.began("a", 100.0)
    assert plan.next(101.0) == 4.0
    assert plan.overdue(104.9) == []
    assert plan.overdue(105.0) == ["a"]
    assert plan.overdue(106.0) == []
    assert plan.next(106.0) == 29.0
    assert plan.overdue(135.0) == ["a"]
    assert not plan.ended("a", 150.0)
    plan.began("a", 300.0)
    assert plan.overdue(305.0) == ["a"]
    plan.ended("a", 305.0)
    plan.began("a", 400.0)
    assert plan.ended("a", 401.0)


def test_hastened_check_runs_after_its_rest() -> None:
    plan = schedule()
    plan.hasten(["a"], 100.0)
    plan.began("a", 100.0)
    plan.hasten(["a"], 100.5)
    assert plan.due(100.5) == []
    plan.ended("a", 101.0)
    plan.hasten(["a"], 101.5)
    assert plan.next(101.5) == 0.5
    assert plan.due(102.0) == ["a"]


@given(
    st.floats(0.1, 100),
    st.floats(0.001, 100),
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 1, exclude_max=True)), max_size=20),
)
def test_runs_never_overlap_nor_starve(interval: float, timeout: float, runs: list[tuple[float, float]]) -> None:
    now, drawn = 100.0, 0.0
    plan = Schedule({"a": Check("a", "http", interval=interval, timeout=timeout)}, now, lambda: drawn)
    for took, drawn in runs:  # noqa: B007  (read by the schedule)
        assert plan.due(now) == ["a"]
        plan.began("a", now)
        ended = now + took
        plan.ended("a", ended)
        wait = plan.next(ended)
        assert wait is not None
        assert min(1.0, interval) * 0.99 <= wait <= max(interval * 1.1, 1.0) * 1.01
        now = ended + wait + 1e-6
