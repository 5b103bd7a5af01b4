"""How the machine stands: CPU, memory, swap, load, file descriptors; within a container as far as its limits go.

Measures only; from where on a measure is bad stands in `WARN` and `FAIL`, which a check's own thresholds replace. A
CPU, swap or load at its end makes a machine slow, not broken, so these only warn. psutil is imported by the first run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from wsgi_guard.settings.fields import Threshold

from .cgroups import Cgroups
from .decide import PASS, Reading

WARN = (
    # Percent busy between two runs, so over a whole interval: a busy server is meant to be busy, a full one queues.
    Threshold("cpu_percent", ">=", 95),
    # Percent not available (MemAvailable, so caches count as free); from about 3 % left Linux starts to kill.
    Threshold("memory_percent", ">=", 90),
    # Percent used; what was swapped out once stays there for days and harms nobody.
    Threshold("swap_percent", ">=", 80),
    # Runnable and blocked tasks per CPU over five minutes; one minute would report every nightly job.
    Threshold("load_per_cpu", ">=", 4),
    # Percent of a process's soft limit; beyond the limit accept() fails.
    Threshold("descriptors_percent", ">=", 80),
)
FAIL = (Threshold("memory_percent", ">=", 97), Threshold("descriptors_percent", ">=", 95))

Measure = tuple[str, float]


class System:
    """Remembers the CPU times of the last run: the first run has no CPU value, each later one that since the last."""

    def __init__(self, cgroups: Cgroups | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._cgroups = cgroups or Cgroups()
        self._clock = clock
        self._times: tuple[float, float] | None = None

    def __call__(self, timeout: float) -> Reading:
        reads = (self._cpu, self._memory, self._swap, _load, _descriptors)
        return Reading(PASS, "", {name: round(value, 1) for read in reads for name, value in _measured(read)})

    def _cpu(self) -> Iterator[Measure]:
        """Busy time as a share of what there was: of the quota in a container that has one, else of the machine."""
        busy, total = self._quota_times() or _machine_times()
        last, self._times = self._times, (busy, total)
        if last is not None and total > last[1]:
            yield "cpu_percent", min(max(100 * (busy - last[0]) / (total - last[1]), 0.0), 100.0)

    def _quota_times(self) -> tuple[float, float] | None:
        cpus, used = self._cgroups.cpus(), self._cgroups.cpu_seconds()
        return None if cpus is None or used is None else (used, cpus * self._clock())

    def _memory(self) -> Iterator[Measure]:
        import psutil

        limited = self._cgroups.memory()
        percent = psutil.virtual_memory().percent
        # The machine may be full while the container is not; either is what kills.
        yield "memory_percent", max(percent, limited.percent) if limited else percent
        if limited:
            yield "memory_limit_mib", limited.limit / 2**20

    def _swap(self) -> Iterator[Measure]:
        import psutil

        limited = self._cgroups.swap()
        yield "swap_percent", limited.percent if limited else psutil.swap_memory().percent


def _machine_times() -> tuple[float, float]:
    import psutil

    times = psutil.cpu_times()
    # guest time is counted within user time already
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _measured(read: Callable[[], Iterator[Measure]]) -> list[Measure]:
    """Nothing where the platform or a sandbox does not show it; what is not seen is not judged."""
    import psutil

    try:
        return list(read())
    except (OSError, AttributeError, NotImplementedError, ImportError, RuntimeWarning, psutil.Error):
        return []


def _load() -> Iterator[Measure]:
    import psutil

    yield "load_per_cpu", psutil.getloadavg()[1] / (psutil.cpu_count() or 1)


def _descriptors() -> Iterator[Measure]:
    """The fullest of this process and those beside it that have the same master: one watches for a whole host."""
    import resource

    import psutil

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft > 0:
        own = psutil.Process()
        yield "descriptors_percent", 100 * max(_open(one) for one in (own, *_siblings(own))) / soft


def _siblings(own: object) -> Iterator[object]:
    """Workers of one master; what init or a shell has started is no sibling."""
    import psutil

    parent = own.parent()  # type: ignore[attr-defined]
    if parent is not None and parent.pid > 1 and parent.name() == own.name():  # type: ignore[attr-defined]
        yield from (one for one in parent.children() if isinstance(one, psutil.Process))


def _open(process: object) -> int:
    import psutil

    try:
        return int(process.num_fds())  # type: ignore[attr-defined]
    except psutil.Error:
        return 0
