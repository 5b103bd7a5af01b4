"""Numbers that all processes of a host count and any of them reads: a sheet of memory for each process.

A sheet belongs to one process while it lives, by a lock that the kernel takes back at its death. Who takes it over goes
on with its counters, so no count is lost with a worker, none goes back, and nothing grows however many have died.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from weakref import finalize

from .series import GAUGE, SUM

SHEETS = 64
NAMES, NUMBERS = 384 * 1024, 32 * 1024
"""Bytes for names, and cells of 8 bytes: enough for about 700 endpoints. What is not written takes no memory."""

HEAD = 16  # bytes: how many of the names, and of the cells, are taken
SHEET = HEAD + NAMES + 8 * NUMBERS
RESERVED = 0.75
"""The part that may be filled before the rest is kept for what counts under one name for all others."""

Labels = tuple[tuple[str, str], ...]


class Entry(NamedTuple):
    """What stands in `size` cells from `first` on: one number, or a histogram's buckets and their sum."""

    name: str
    kind: str
    help: str
    labels: Labels
    bounds: tuple[float, ...]
    across: str
    first: int
    size: int


NOTHING = Entry("", GAUGE, "", (), (), SUM, 0, 0)


class Cells:
    """Memory for so many processes, made before they are forked."""

    def __init__(self, sheets: int = SHEETS) -> None:
        self._sheets = sheets
        self._memory = mmap.mmap(-1, sheets * SHEET)
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        self._joining = threading.Lock()
        self._pid = 0
        self._own: Sheet | None = None
        self._read: dict[int, Sheet] = {}

    def join(self) -> Sheet:
        """The one sheet of this process; one that nobody else reads when there are more processes than sheets."""
        own = self._own
        if own is not None and self._pid == os.getpid():
            return own
        with self._joining:
            if self._own is None or self._pid != os.getpid():
                self._own, self._pid = self._take(), os.getpid()
            return self._own

    def after_fork(self) -> None:
        """Another thread of the parent may have held a lock."""
        self._joining = threading.Lock()
        self._read = {}

    def _take(self) -> Sheet:
        for number in range(self._sheets):
            if self._lock(number):
                return Sheet(self._view(number), number)
        return Sheet(memoryview(bytearray(SHEET)), -1)

    def _lock(self, number: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return False
        return True

    def _view(self, number: int) -> memoryview:
        return memoryview(self._memory)[number * SHEET : (number + 1) * SHEET]

    def all(self) -> Iterator[tuple[Sheet, bool]]:
        """Every sheet that was written, this process's own first, and whether its process lives."""
        own = self.join()
        yield own, True
        for number in range(self._sheets):
            view = self._view(number)
            if number == own.number or not int.from_bytes(view[8:16], "little"):
                continue
            free = self._lock(number)
            if free:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
            sheet = self._read.get(number)
            if sheet is None:
                sheet = self._read[number] = Sheet(view, number, reads=True)
            sheet.load()
            yield sheet, not free


class Sheet:
    """`numbers` are the cells; who adds to one holds `lock`, so that no other thread adds in between."""

    def __init__(self, view: memoryview, number: int, *, reads: bool = False) -> None:
        self._view = view
        self.number = number
        self.lock = threading.Lock()
        self.numbers = view[HEAD + NAMES :].cast("d")
        self._entries: dict[tuple[str, Labels, tuple[float, ...]], Entry] = {}
        self._first: dict[str, Entry] = {}
        self._named = self._taken = 0
        self.load()
        if not reads:
            self._forget_gauges()

    def entries(self) -> list[Entry]:
        return list(self._entries.values())

    def entry(
        self, name: str, kind: str, help: str, labels: Labels = (), bounds: tuple[float, ...] = (),
        across: str = SUM, *, reserved: bool = False,
    ) -> Entry | None:  # fmt: skip
        """The place of a number, taken now unless it was before; None where there is no more room.

        `reserved`: it may take what is kept free of the others.
        """
        found = self._entries.get((name, labels, bounds))
        if found is not None:
            return found
        with self.lock:
            found = self._entries.get((name, labels, bounds))
            share = 1.0 if reserved else RESERVED
            return found or self._add(Entry(name, kind, help, labels, bounds, across, 0, 0), share)

    def _add(self, wanted: Entry, share: float) -> Entry | None:
        entry = wanted._replace(first=self._taken, size=_size(wanted.bounds))
        like = self._first.get(entry.name)
        # What is the same for all of a name is written once.
        same = like is not None and like[1:3] + like[4:6] == entry[1:3] + entry[4:6]
        told = (entry.name, entry.labels, *(() if same else (entry.kind, entry.help, entry.bounds, entry.across)))
        data = json.dumps(told, separators=(",", ":")).encode() + b"\n"
        if self._named + len(data) > NAMES * share or self._taken + entry.size > NUMBERS * share:
            return None
        begin = HEAD + self._named
        self._view[begin : begin + len(data)] = data
        self._named, self._taken = self._named + len(data), self._taken + entry.size
        # Last: a process that is killed before has added nothing.
        self._view[8:16] = self._taken.to_bytes(8, "little")
        self._view[:8] = self._named.to_bytes(8, "little")
        self._keep(entry)
        return entry

    def _keep(self, entry: Entry) -> None:
        self._first.setdefault(entry.name, entry)
        self._entries[entry.name, entry.labels, entry.bounds] = entry

    def load(self) -> None:
        """Reads the names that have come since the last time."""
        with self.lock:
            known, self._named = self._named, int.from_bytes(self._view[:8], "little")
            for line in bytes(self._view[HEAD + known : HEAD + self._named]).splitlines():
                name, labels, *told = json.loads(line)
                like = self._first.get(name, NOTHING)
                kind, help, bounds, across = told or (like[1], like[2], like[4], like[5])
                pairs = tuple((key, value) for key, value in labels)
                self._keep(Entry(name, kind, help, pairs, tuple(bounds), across, self._taken, _size(bounds)))
                self._taken += _size(bounds)

    def _forget_gauges(self) -> None:
        """What was true of the process before is not true of this one."""
        for entry in self._entries.values():
            if entry.kind == GAUGE:
                self.numbers[entry.first] = 0.0


def _size(bounds: Sequence[float]) -> int:
    """Cells of a number, or of a histogram: its buckets, what lies above them, and the sum."""
    return len(bounds) + 2 if bounds else 1
