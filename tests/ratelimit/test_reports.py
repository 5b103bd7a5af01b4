"""Shadow limits report without flooding the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.ratelimit.reports import CLIENTS, EVERY, Reports


def test_first_is_told_then_once_a_minute() -> None:
    reports = Reports()
    told = [reports.due("all", "203.0.113.7", second) for second in (0.0, 1.0, 59.0, 60.0, 61.0, 121.0)]
    assert told == [1, 0, 0, 3, 0, 2]


def test_clients_and_limits_are_told_apart() -> None:
    reports = Reports()
    assert [reports.due(*who, 0.0) for who in (("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"))] == [1, 1, 1, 0]


@given(st.lists(st.floats(0, 10 * EVERY), min_size=1, max_size=200))
def test_no_request_is_lost_or_told_twice(gaps: list[float]) -> None:
    reports, times = Reports(), sorted(gaps)
    told = sum(reports.due("all", "203.0.113.7", now) for now in times)
    late = reports.due("all", "203.0.113.7", times[-1] + 2 * EVERY)
    assert told + late == len(times) + 1


def test_memory_is_bounded() -> None:
    reports = Reports()
    for number in range(5 * CLIENTS):
        reports.due("all", str(number), 0.0)
    assert len(reports._recent) <= 2 * CLIENTS
