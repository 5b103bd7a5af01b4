"""Puts what the slices of this process count into its sheet, about once a second and when somebody asks."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary, WeakMethod, ref

from wsgi_guard.cells import Entry, Sheet
from wsgi_guard.series import COUNTER, GAUGE, HISTOGRAM, Buckets, Series

log = logging.getLogger("wsgi_guard")

Source = Callable[[], Iterable[Series]]
_all: WeakKeyDictionary[Sheet, Gathering] = WeakKeyDictionary()
_leaving = False


class Gathering:
    """For one sheet, whichever guards of the process add to it; the same series of two guards is added up."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = ref(sheet)
        self._pid = os.getpid()
        self._sources: list[WeakMethod[Source]] = []
        self._lock = threading.Lock()
        self._failed: set[str] = set()
        # One for each request that has not ended, whichever guard has it: to append and to pop needs no lock.
        self.running: deque[None] = deque()
        running = sheet.entry("http_requests_in_progress", GAUGE, "Requests that have not ended.", reserved=True)
        assert running is not None  # noqa: S101  (it is the first of all names)
        self.running_at = running.first
        # Counters of the process whose sheet this was: what this one counts comes on top.
        numbers = sheet.numbers
        self._before = {
            entry: list(numbers[entry.first : entry.first + entry.size])
            for entry in sheet.entries()
            if entry.kind != GAUGE
        }

    @classmethod
    def of(cls, sheet: Sheet) -> Gathering:
        global _leaving
        if sheet not in _all:
            _all[sheet] = cls(sheet)
        if not _leaving:
            _leaving = True
            atexit.register(_gather_last)
        return _all[sheet]

    def add(self, sources: Iterable[Source]) -> None:
        with self._lock:
            self._sources = [one for one in self._sources if one() is not None]
            self._sources += [WeakMethod(source) for source in sources]

    def gather(self) -> None:
        """Copies what stands there now. A source that fails is said once, and the others are asked all the same."""
        sheet = self._sheet()
        if sheet is None or self._pid != os.getpid():
            # The sheet belongs to another process, which this one was forked from.
            return
        with self._lock:
            found: dict[Entry, list[float]] = {}
            for method in self._sources:
                source = method()
                try:
                    for series in source() if source is not None else ():
                        self._take(sheet, series, found)
                except Exception as error:
                    self._say(source, error)
            with sheet.lock:
                # Right again where two threads began at once and wrote in the other order.
                sheet.numbers[self.running_at] = len(self.running)
                for entry, values in found.items():
                    for at, value in enumerate(values, entry.first):
                        sheet.numbers[at] = value

    def _take(self, sheet: Sheet, series: Series, found: dict[Entry, list[float]]) -> None:
        value = series.value
        bounds: tuple[float, ...] = ()
        if isinstance(value, Buckets):
            bounds, values = tuple(map(float, value.bounds)), [*map(float, value.counts), float(value.total)]
        else:
            values = [float(value)]
        if (series.kind == HISTOGRAM) != bool(bounds) or (bounds and len(values) != len(bounds) + 2):
            raise ValueError(f"series {series.name!r} has a value that its kind has not")
        name = series.name.removesuffix("_total") if series.kind == COUNTER else series.name
        entry = sheet.entry(name, series.kind, series.help, series.labels, bounds, series.across)
        if entry is None:
            raise ValueError("no room is left for more series")
        start = found.get(entry) or self._before.get(entry) or [0.0] * entry.size
        found[entry] = [a + b for a, b in zip(start, values, strict=True)]

    def _say(self, source: object, error: Exception) -> None:
        owner = type(getattr(source, "__self__", source)).__name__
        if owner not in self._failed:
            self._failed.add(owner)
            log.error("the numbers of %s cannot be told: %s: %s", owner, type(error).__name__, error)


def _gather_last() -> None:
    """What was counted since the last look, when the process ends."""
    for gathering in list(_all.values()):
        gathering.gather()
