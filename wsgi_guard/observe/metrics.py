"""Counts every request for Prometheus: how many, how long, how large, how many at once.

All of a request is counted at its end, in memory that outlives the worker: what is killed loses what was in flight.
"""

from __future__ import annotations

import logging
import os
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import ref

from wsgi_guard.cells import Cells, Entry, Labels, Sheet
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.named import OTHER, method_label
from wsgi_guard.series import COUNTER, HISTOGRAM

from .decide import counted
from .endpoints import Endpoints
from .gathering import Gathering, Source

log = logging.getLogger("wsgi_guard")

# What client libraries for Prometheus use unless told otherwise, in seconds.
DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
SIZES = (100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0, 100_000_000.0)
# Where a histogram's sum stands: behind its buckets and what lies above them.
_SUM_OF_DURATIONS, _SUM_OF_SIZES = len(DURATIONS) + 1, len(SIZES) + 1
_NO_BODY = (None, "", "0")
EVERY = 1.0
"""Seconds between two looks at what the slices have counted."""


class Line(NamedTuple):
    """The first cells of what one kind of request counts in: itself, and three histograms with their sums."""

    requests: int
    took: int
    received: int
    sent: int


class Metrics:
    """Watches every request from outside all layers. `sources` are the layers that have numbers of their own."""

    name = "metrics"

    def __init__(
        self, endpoints: Endpoints, shared: Callable[[], Cells | None], sources: Iterable[Source]
    ) -> None:
        self._endpoints = endpoints
        self._shared = shared
        self._sources = tuple(sources)
        self.cells: Cells | None = None
        self._lines: dict[tuple[str, str, int], Line] = {}
        self._pid = self._home = 0
        # Abandoned requests wait here for the next one: a collection ends them, perhaps one under the lock.
        self._late: deque[tuple[Facts, Outcome]] = deque()

    def start(self) -> None:
        """Takes this process's sheet. A process that shares none counts for itself."""
        shared = self._shared()
        self._join(shared or Cells(1))
        self.gathering = Gathering.of(self.sheet)
        self.gathering.add(self._sources)
        self._running, self._running_at = self.gathering.running, self.gathering.running_at
        if shared is not None and self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=_gather_on, args=(ref(self),), name="wsgi_guard-metrics", daemon=True).start()

    def _join(self, cells: Cells) -> None:
        self.cells = cells
        cells.after_fork()
        self._lines = {}
        self.sheet: Sheet = cells.join()
        self._numbers, self._lock = self.sheet.numbers, self.sheet.lock
        self._home = os.getpid()

    def before(self, facts: Facts) -> None:
        if self._late:
            self._settle_late()
        # Without the lock, which takes twice the time of all this.
        running = self._running
        running.append(None)
        self._numbers[self._running_at] = len(running)

    def _settle_late(self) -> None:
        with suppress(IndexError):
            # Each is taken by one thread, whichever others do the same.
            while True:
                self.finish(*self._late.popleft(), late=True)

    def finish(self, facts: Facts, outcome: Outcome, *, late: bool = False) -> None:
        code, took, end, _, _, sent = outcome
        if end == "abandoned" and not late:
            self._late.append((facts, outcome))
            return
        endpoint = facts.endpoint or self._endpoints.of(facts)
        line = self._lines.get((endpoint, facts.method, code)) or self._line(endpoint, method_label(facts.method), code)
        requests, durations, received, answers = line
        numbers, running = self._numbers, self._running
        with self._lock:
            if running:
                running.pop()
            numbers[self._running_at] = len(running)
            numbers[requests] += 1.0
            numbers[durations + bisect_left(DURATIONS, took)] += 1.0
            numbers[durations + _SUM_OF_DURATIONS] += took
            if sent is not None:
                numbers[answers + bisect_left(SIZES, sent)] += 1.0
                numbers[answers + _SUM_OF_SIZES] += sent
        if facts.environ.get("CONTENT_LENGTH") not in _NO_BODY:
            self._received(facts, received)
        if facts.decisions is not None or facts.again:
            for name, help, labels in counted(facts.decided, endpoint):
                self._count(name, help, labels)

    def error(self, category: str, severity: str) -> None:
        """An event, whoever it happened to; those before `start` are not counted."""
        if self.cells is not None:
            if self._home != os.getpid():
                # A child that the app forked, and that serves nothing: the sheet is its parent's, who knows not of it.
                self._join(self.cells)
            labels = (("category", category), ("severity", severity))
            self._count("wsgi_guard_errors", "Errors that became events.", labels)

    def _received(self, facts: Facts, first: int) -> None:
        length = facts.environ["CONTENT_LENGTH"]
        size = int(length) if type(length) is str and length.isdecimal() and len(length) < 16 else 0
        if size:
            with self._lock:
                self._numbers[first + bisect_left(SIZES, size)] += 1.0
                self._numbers[first + _SUM_OF_SIZES] += size

    def _count(self, name: str, help: str, labels: Labels) -> None:
        entry = self.sheet.entry(name, COUNTER, help, labels)
        if entry is not None:
            with self._lock:
                self._numbers[entry.first] += 1.0

    def _line(self, endpoint: str, method: str, code: int) -> Line:
        line = self._lines.get((endpoint, method, code)) or self._made(endpoint, method, str(code), reserved=False)
        if line is not None:
            self._lines[endpoint, method, code] = line
            return line
        # More routes than there is room for: the rest counts together. A status out of range has no number either.
        status = str(code) if 100 <= code <= 599 else OTHER
        rest = self._made(OTHER, method, status, reserved=True)
        if rest is None:
            raise LookupError("no room is left for the number of a request")
        return rest

    def _made(self, endpoint: str, method: str, status: str, *, reserved: bool) -> Line | None:
        labels: Labels = (("method", method), ("endpoint", endpoint))
        entry, exact = self.sheet.entry, (*labels, ("status", status))
        found: list[Entry | None] = [entry("http_requests", COUNTER, HELP, exact, reserved=reserved)]
        for name, help, bounds in HISTOGRAMS:
            found.append(entry(name, HISTOGRAM, help, labels, bounds, reserved=reserved))
        firsts = [one.first for one in found if one is not None]
        return Line(*firsts) if len(firsts) == len(found) else None


HELP = "Requests that have ended."
HISTOGRAMS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("http_request_duration_seconds", "Time to the last byte of the answer.", DURATIONS),
    ("http_request_size_bytes", "Bodies of requests that have one.", SIZES),
    ("http_response_size_bytes", "Bodies of answers.", SIZES),
)


def _gather_on(metrics: Any) -> None:
    """Until the guard is dropped."""
    bell = threading.Event()
    while True:
        bell.wait(EVERY)
        found: Metrics | None = metrics()
        if found is None:
            return
        found.gathering.gather()
        del found
