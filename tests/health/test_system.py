"""Measures of the machine and of containers, and one look at the machine that runs the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from wsgi_guard.health.cgroups import Cgroups
from wsgi_guard.health.system import System


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
    ("total", "used", "limited", "expected"),
    [(40.0, None, None, 40.0), (40.0, 50, 100, 50.0), (40.0, 10, 100, 40.0), (10.0, 99, 100, 99.0)],
)
def test_memory_is_the_fuller_of_machine_and_container(
    total: float, used: int | None, limited: int | None, expected: float, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(percent=total))
    (tmp_path / "cgroup.controllers").write_text("memory")
    if used is not None:
        (tmp_path / "memory.max").write_text(f"{limited}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
    observed = System(Cgroups(str(tmp_path), "0::/"))(5.0).observed
    assert observed["memory_percent"] == expected
    assert ("memory_limit_mib" in observed) == (used is not None)


def test_cpu_of_a_container_is_a_share_of_its_quota(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu")
    (tmp_path / "cpu.max").write_text("50000 100000")
    now = [100.0]
    check = System(Cgroups(str(tmp_path), "0::/"), lambda: now[0])
    for usage, expected in ((1_000_000, None), (3_000_000, 40.0), (9_000_000, 100.0)):
        (tmp_path / "cpu.stat").write_text(f"usage_usec {usage}\nuser_usec 1\n")
        assert check(5.0).observed.get("cpu_percent") == expected
        now[0] += 10.0


def test_memory_is_what_the_kernel_says() -> None:
    kib = {line.split(":")[0]: int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()}
    expected = 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])
    assert abs(System(Cgroups("/nowhere", ""))(5.0).observed["memory_percent"] - expected) < 3


DESCRIPTORS = """
import os, resource
from wsgi_guard.health.checks import Checks
from wsgi_guard.health.measured import measured
from wsgi_guard.health.monitor import Clock
from wsgi_guard.settings.sections import HealthSection

resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
checks = Checks(HealthSection(), {})
check, run = checks.declared["system"], checks.runs["system"]
for most in (50, 85, 97):
    # Who lists them has one more open for the while, here and in the check.
    while len(os.listdir("/proc/self/fd")) < most:
        os.open("/dev/null", os.O_RDONLY)
    result = measured(check, run, Clock())
    found = [word for word in result.reading.cause.split(", ") if word.startswith("descriptors")]
    print(result.reading.observed["descriptors_percent"], *found)
"""


def test_descriptors_are_counted_against_the_limit_of_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", DESCRIPTORS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "50.0", "85.0 descriptors_percent >= 80", "97.0 descriptors_percent >= 95"
    ]
