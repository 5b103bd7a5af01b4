"""What a container may use: limits and use of memory, swap and CPU as the cgroups of this process tell, v2 or v1.

The tightest limit on the way from the process's own group to the root counts. Reads files below the folder given, and
says None for what is not limited or not shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

ROOT = "/sys/fs/cgroup"
OWN = "/proc/self/cgroup"
UNLIMITED = 2**60
"""Bytes from which on v1's "no limit" begins: it says 2^63 rounded down to a page."""
LARGEST = 64 * 1024  # bytes read of a file; memory.stat has two


class Memory(NamedTuple):
    """Bytes; `used` without file pages that the kernel would drop before anything is killed."""

    used: float
    limit: float

    @property
    def percent(self) -> float:
        return 100 * self.used / self.limit


class Cgroups:
    """`root` is where cgroups are mounted, `own` the text of /proc/self/cgroup."""

    def __init__(self, root: str = ROOT, own: str | None = None) -> None:
        self._root = root
        self._v2 = os.path.exists(os.path.join(root, "cgroup.controllers"))
        self._paths = dict(_paths(_read(OWN) or "" if own is None else own))

    def memory(self) -> Memory | None:
        if self._v2:
            names = ("memory.max", "memory.current", "inactive_file")
        else:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        return self._tightest("memory", *names)

    def swap(self) -> Memory | None:
        """v1 counts swap and memory together, which says nothing of swap alone."""
        return self._tightest("memory", "memory.swap.max", "memory.swap.current", "") if self._v2 else None

    def cpus(self) -> float | None:
        """CPUs' worth of time that the quota allows."""
        found = [quota for folder in self._folders("cpu") if (quota := self._quota(folder)) is not None]
        return min(found, default=None)

    def cpu_seconds(self) -> float | None:
        """CPU time that the limited group, the outermost with a quota, has used."""
        limited = [folder for folder in self._folders("cpu") if self._quota(folder) is not None]
        if not limited:
            return None
        if self._v2:
            used = _field(_read(os.path.join(limited[-1], "cpu.stat")), "usage_usec")
            return None if used is None else used / 1e6
        used = _number(_read(os.path.join(limited[-1].replace("/cpu/", "/cpuacct/"), "cpuacct.usage")))
        return None if used is None else used / 1e9

    def _quota(self, folder: str) -> float | None:
        if self._v2:
            quota, _, period = (_read(os.path.join(folder, "cpu.max")) or "max").partition(" ")
        else:
            quota = _read(os.path.join(folder, "cpu.cfs_quota_us")) or ""
            period = _read(os.path.join(folder, "cpu.cfs_period_us")) or ""
        allowed, length = _number(quota), _number(period)
        return allowed / length if allowed and length and allowed > 0 else None

    def _tightest(self, controller: str, most: str, now: str, cache: str) -> Memory | None:
        found = []
        for folder in self._folders(controller):
            limit, used = _number(_read(os.path.join(folder, most))), _number(_read(os.path.join(folder, now)))
            if limit is None or used is None or not 0 < limit < UNLIMITED:
                continue
            dropped = _field(_read(os.path.join(folder, "memory.stat")), cache) if cache else 0
            found.append(Memory(max(used - (dropped or 0), 0.0), limit))
        return max(found, key=lambda memory: memory.percent, default=None)

    def _folders(self, controller: str) -> Iterator[str]:
        """From the own group to the root; inside a container its own group may be mounted as the root."""
        base = self._root if self._v2 else os.path.join(self._root, controller)
        path = self._paths.get("" if self._v2 else controller, "/")
        parts: Sequence[str] = [part for part in path.split("/") if part not in ("", ".", "..")]
        for count in range(len(parts), -1, -1):
            yield os.path.join(base, *parts[:count])


def _paths(own: str) -> Iterator[tuple[str, str]]:
    """Controller -> path; v2 is "" (cgroups(7): hierarchy:controllers:path)."""
    for line in own.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                yield controller, parts[2]


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(LARGEST).strip()
    except OSError:
        return None


def _number(text: str | None) -> float | None:
    digits = (text or "").removeprefix("-")
    return float(text) if text and digits.isascii() and digits.isdigit() and len(digits) < 25 else None


def _field(text: str | None, name: str) -> float | None:
    for line in (text or "").splitlines():
        field, _, value = line.partition(" ")
        if field == name:
            return _number(value.strip())
    return None
