"""Limits of containers, on planted trees of both versions; nothing there is no limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_guard.health.cgroups import Cgroups, Memory

# v2 or v1, own group, files, memory (used, limit), swap, CPUs, CPU seconds
TREES: list[tuple[str, dict[str, str], tuple[float, float] | None, float | None, float | None]] = [
    ("0::/", {"cgroup.controllers": "cpu memory"}, None, None, None),
    ("0::/", {"cgroup.controllers": "", "memory.max": "max", "memory.current": "5", "cpu.max": "max 100000"},
     None, None, None),
    ("0::/", {"cgroup.controllers": "", "memory.max": "100", "memory.current": "60",
              "memory.stat": "anon 1\ninactive_file 20\n", "cpu.max": "150000 100000",
              "cpu.stat": "usage_usec 2500000"},
     (40, 100), 1.5, 2.5),
    ("0::/a/b", {"cgroup.controllers": "", "a/memory.max": "50", "a/memory.current": "45", "a/b/memory.max": "100",
                 "a/b/memory.current": "10"}, (45, 50), None, None),
    ("0::/docker/gone", {"cgroup.controllers": "", "memory.max": "100", "memory.current": "10"}, (10, 100), None, None),
    ("0::/../../x", {"cgroup.controllers": "", "memory.max": "-5", "memory.current": "x"}, None, None, None),
    ("4:memory:/c\n5:cpu,cpuacct:/c", {"memory/c/memory.limit_in_bytes": "200", "memory/c/memory.usage_in_bytes": "150",
     "memory/c/memory.stat": "total_inactive_file 50", "cpu/c/cpu.cfs_quota_us": "200000",
     "cpu/c/cpu.cfs_period_us": "100000", "cpuacct/c/cpuacct.usage": "3000000000"}, (100, 200), 2.0, 3.0),
    ("4:memory:/", {"memory/memory.limit_in_bytes": str(2**63 - 4096), "memory/memory.usage_in_bytes": "1",
                    "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None, None, None),
    ("nonsense", {"cgroup.controllers": "\xff"}, None, None, None),
]  # fmt: skip


def test_trees_table_is_whole() -> None:
    assert len(TREES) == 9


@pytest.mark.parametrize(("own", "files", "memory", "cpus", "seconds"), TREES)
def test_the_tightest_limit_counts(
    own: str, files: dict[str, str], memory: tuple[float, float] | None, cpus: float | None, seconds: float | None,
    tmp_path: Path,
) -> None:  # fmt: skip
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = Cgroups(str(tmp_path), own)
    assert (found.memory(), found.cpus(), found.cpu_seconds()) == (memory and Memory(*memory), cpus, seconds)


def test_swap_has_a_limit_of_its_own(tmp_path: Path) -> None:
    for name, text in (("cgroup.controllers", ""), ("memory.swap.max", "100"), ("memory.swap.current", "25")):
        (tmp_path / name).write_text(text)
    swap = Cgroups(str(tmp_path), "0::/").swap()
    assert swap is not None
    assert swap.percent == 25.0


def test_this_machine_can_be_asked() -> None:
    found = Cgroups()
    assert found.memory() is None or found.memory().limit > 0  # type: ignore[union-attr]
