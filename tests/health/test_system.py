"""Grades of the machine, as a table, and one look at the machine that runs the tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

import psutil
import pytest

from wsgi_guard.health import system
from wsgi_guard.health.decide import FAIL, PASS, WARN
from wsgi_guard.health.system import Measure, System, disk, grade

GRADES: list[tuple[tuple[float, ...], str, str]] = [
    # values against warn 90 and fail 97 each, status, cause
    ((), PASS, ""),
    ((0.0,), PASS, ""),
    ((89.9,), PASS, ""),
    ((90.0,), WARN, "m0"),
    ((96.9,), WARN, "m0"),
    ((97.0,), FAIL, "m0"),
    ((10.0, 95.0), WARN, "m1"),
    ((92.0, 95.0), WARN, "m0, m1"),
    ((95.0, 99.0, 10.0), FAIL, "m1"),
    ((99.0, 98.0), FAIL, "m0, m1"),
]


def test_grades_table_is_whole() -> None:
    assert len(GRADES) == 10


@pytest.mark.parametrize(("values", "status", "cause"), GRADES)
def test_the_worst_measure_decides(values: tuple[float, ...], status: str, cause: str) -> None:
    said = grade([Measure(f"m{at}", value, 90.0, 97.0) for at, value in enumerate(values)])
    assert (said.status, said.cause) == (status, cause)
    assert list(said.observed.values()) == list(values)


def test_measure_without_end_never_fails() -> None:
    assert grade([Measure("load", 1e9, 4.0)]).status == WARN


def test_machine_is_measured() -> None:
    check = System()
    first, second = check(5.0), check(5.0)
    assert {"memory_percent", "swap_percent", "load_per_cpu", "descriptors_percent"} <= set(first.observed)
    assert "cpu_percent" not in first.observed
    assert all(0 <= value <= 100 for name, value in second.observed.items() if name.endswith("percent"))


def test_cpu_is_measured_between_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Times(tuple[float, ...]):
        idle = property(lambda self: self[1])
        iowait = property(lambda self: self[2])

    readings = iter([Times((10.0, 80.0, 10.0)), Times((108.0, 81.0, 11.0)), Times((108.0, 81.0, 11.0))])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(readings))
    check = System()
    assert "cpu_percent" not in check(5.0).observed
    busy = check(5.0)
    assert busy.observed["cpu_percent"] == 98.0
    assert "cpu_percent" in busy.cause
    assert "cpu_percent" not in check(5.0).observed


@pytest.mark.parametrize("error", [FileNotFoundError(), psutil.AccessDenied(), AttributeError(), RuntimeWarning()])
def test_unreadable_measure_is_left_out(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(psutil, "swap_memory", refuse)
    observed = System()(5.0).observed
    assert "swap_percent" not in observed
    assert "memory_percent" in observed


@pytest.mark.parametrize(
    ("free", "status", "cause"),
    [(50.0, PASS, ""), (10.0, PASS, ""), (9.9, WARN, "little room left"), (4.9, FAIL, "little room left"),
     (0.0, FAIL, "little room left")],
)  # fmt: skip
def test_disk_is_judged_by_free_room(
    free: float, status: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage: Callable[[str], SimpleNamespace] = lambda path: SimpleNamespace(total=1000, free=free * 10)  # noqa: E731
    monkeypatch.setattr("shutil.disk_usage", usage)
    said = disk("/data")(5.0)
    assert (said.status, said.cause, said.observed) == (status, cause, {"free_percent": free})


def test_missing_disk_raises() -> None:
    with pytest.raises(FileNotFoundError):
        disk("/no/such/folder")(5.0)


def test_thresholds_are_in_order() -> None:
    assert system.MEMORY_WARN < system.MEMORY_FAIL < 100
    assert system.DESCRIPTORS_WARN < system.DESCRIPTORS_FAIL < 100
    assert 0 < system.DISK_FAIL < system.DISK_WARN
    assert sys.maxsize > system.LOAD_WARN > 0
