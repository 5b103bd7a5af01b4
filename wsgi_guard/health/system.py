"""How the machine stands: CPU, memory, swap, load, file descriptors of this process; and the room on a disk.

Reads and grades. A CPU, swap or load at its end makes a machine slow, not broken, so these only ever warn; without
memory, descriptors or disk nothing works for long, so those fail. psutil and
shutil (with its compressors) are imported by the first run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .decide import FAIL, PASS, WARN, Reading, overall

NEVER = math.inf

CPU_WARN = 95.0
"""Percent busy between two runs, so over a whole interval: a busy server is meant to be busy, a full one queues."""
MEMORY_WARN, MEMORY_FAIL = 90.0, 97.0
"""Percent not available (MemAvailable, so caches count as free); from about 3 % left Linux starts to kill."""
SWAP_WARN = 80.0
"""Percent used; what was swapped out once stays there for days and harms nobody."""
LOAD_WARN = 4.0
"""Runnable and blocked tasks per CPU over five minutes; one minute would report every nightly job."""
DESCRIPTORS_WARN, DESCRIPTORS_FAIL = 80.0, 95.0
"""Percent of this process's soft limit; beyond the limit accept() fails."""
DISK_WARN, DISK_FAIL = 10.0, 5.0
"""Percent free for an ordinary user; ext4 keeps its last 5 % for root."""


class Measure(NamedTuple):
    """A number that is worse the higher it is, and from where on it warns and fails."""

    name: str
    value: float
    warn: float
    fail: float = NEVER

    @property
    def status(self) -> str:
        if self.value >= self.fail:
            return FAIL
        return WARN if self.value >= self.warn else PASS


def grade(measures: Sequence[Measure]) -> Reading:
    """The worst of the measures, named; all their values."""
    status = overall(measure.status for measure in measures)
    bad = [measure.name for measure in measures if measure.status == status != PASS]
    return Reading(status, ", ".join(bad), {measure.name: round(measure.value, 1) for measure in measures})


class System:
    """Remembers the CPU times of the last run: the first run has no CPU value, each later one that since the last."""

    def __init__(self) -> None:
        self._times: tuple[float, float] | None = None

    def __call__(self, timeout: float) -> Reading:
        measures: list[Measure] = []
        for read in (self._cpu, _memory, _swap, _load, _descriptors):
            measures.extend(_measured(read))
        return grade(measures)

    def _cpu(self) -> Measure | None:
        import psutil

        times = psutil.cpu_times()
        # guest time is counted within user time already
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        last, self._times = self._times, (total, idle)
        if last is None or total <= last[0]:
            return None
        return Measure("cpu_percent", 100 * (1 - (idle - last[1]) / (total - last[0])), CPU_WARN)


def disk(path: str) -> Callable[[float], Reading]:
    """A check of the file system that holds `path`."""

    def run(timeout: float) -> Reading:
        import shutil

        usage = shutil.disk_usage(path)
        free = 100 * usage.free / usage.total if usage.total else 0.0
        status = FAIL if free < DISK_FAIL else WARN if free < DISK_WARN else PASS
        return Reading(status, "" if status == PASS else "little room left", {"free_percent": round(free, 1)})

    return run


def _measured(read: Callable[[], Measure | None]) -> list[Measure]:
    """Nothing where the platform or a sandbox does not show it; what is not seen is not judged."""
    import psutil

    try:
        measure = read()
    except (OSError, AttributeError, NotImplementedError, ImportError, RuntimeWarning, psutil.Error):
        return []
    return [measure] if measure else []


def _memory() -> Measure:
    import psutil

    return Measure("memory_percent", psutil.virtual_memory().percent, MEMORY_WARN, MEMORY_FAIL)


def _swap() -> Measure:
    import psutil

    return Measure("swap_percent", psutil.swap_memory().percent, SWAP_WARN)


def _load() -> Measure:
    import psutil

    return Measure("load_per_cpu", psutil.getloadavg()[1] / (psutil.cpu_count() or 1), LOAD_WARN)


def _descriptors() -> Measure | None:
    import resource

    import psutil

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= 0:
        return None
    return Measure("descriptors_percent", 100 * psutil.Process().num_fds() / soft, DESCRIPTORS_WARN, DESCRIPTORS_FAIL)
