"""What one pool has been asked in this process: counts, times by shape, statements that repeat.

Memory is bounded: SHAPES shapes with STEPS counts each, a third of a megabyte; what comes beyond is two shapes more,
one of those that read and one of those that write.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from math import inf
from typing import Any, NamedTuple

from psycopg import sql

from wsgi_guard.recent import Recent
from wsgi_guard.series import Buckets

from .shape import read

SHAPES = 300
TEXTS = 500
"""Half of the most texts whose shape is remembered; others are read again."""
LONGEST = 4096
"""Characters of the longest text that is remembered."""
BEYOND = {False: "(other statements)", True: "(other statements that write)"}

# Seconds: ten bounds a decade, rounded as ISO 3 does, so that a percentile is off by a quarter at most; a metric shows
# some of them.
STEPS = tuple(
    step * 10.0**decade for decade in range(-5, 2) for step in (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
)
BOUNDS = tuple(step for step in STEPS if step >= 0.001 and f"{step:e}"[:4] in ("1.00", "2.50", "5.00"))


# A connection that was there is handed out in less.
PROMPT = 0.00005


class Times:
    """How long something took, in seconds, as counts between STEPS."""

    __slots__ = ("counts", "longest", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(STEPS) + 1)
        self.total = 0.0
        self.longest = 0.0

    @property
    def number(self) -> int:
        return sum(self.counts)

    def quantile(self, share: float) -> float:
        """The bound that `share` of the times do not exceed; 0.0 when there are none."""
        wanted, seen = share * self.number, 0
        for bound, count in zip(STEPS, self.counts, strict=False):
            seen += count
            if count and seen >= wanted:
                return min(bound, self.longest)
        return self.longest

    def merge(self, other: Times) -> None:
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.longest = max(self.longest, other.longest)

    def buckets(self) -> Buckets:
        """As a metric shows them, with the fewer bounds of BOUNDS."""
        counts = [0] * (len(BOUNDS) + 1)
        for step, count in zip((*STEPS, inf), self.counts, strict=True):
            counts[bisect_left(BOUNDS, step)] += count
        return Buckets(BOUNDS, tuple(counts), self.total)


class Shape:
    """One statement without its values, and what is known of it."""

    __slots__ = ("errors", "repeated", "rows", "shown", "slow", "text", "times", "writes")

    def __init__(self, text: str, *, writes: bool = False) -> None:
        self.text = text
        self.writes = writes
        self.times = Times()
        self.rows = self.errors = self.slow = self.repeated = 0
        # Whether metrics have told of it.
        self.shown = False


class Totals(NamedTuple):
    """What a tally has counted so far, all shapes together."""

    times: Times
    errors: int
    slow: int
    repeated: int


class Tally:
    """Counts of one pool; every method may be called by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: Recent[str, Shape] = Recent(TEXTS)
        self._shapes: dict[str, Shape] = {}
        self._beyond = {writes: Shape(text, writes=writes) for writes, text in BEYOND.items()}
        self._waits = Times()
        # Those who waited less than PROMPT, which is nearly everybody: counted without a lock.
        self.prompt = 0

    def shape(self, query: Any, connection: Any) -> Shape:
        """The shape of what a cursor was given: a text, bytes, or something composed."""
        text = query if type(query) is str else _text(query, connection)
        found = self._texts.get(text)
        if found is None:
            known, writes = read(text)
            with self._lock:
                found = self._shapes.get(known) or self._new(known, writes)
                # Two texts may differ behind what a shape keeps of them.
                found.writes = found.writes or writes
                if len(text) <= LONGEST:
                    self._texts.put(text, found)
        return found

    def _new(self, text: str, writes: bool) -> Shape:
        if len(self._shapes) >= SHAPES:
            return self._beyond[writes]
        found = self._shapes[text] = Shape(text, writes=writes)
        return found

    def add(self, found: Shape, seconds: float, rows: int) -> None:
        """One more statement of that shape; `rows` below 0 are unknown."""
        times, at = found.times, bisect_left(STEPS, seconds)
        with self._lock:
            times.counts[at] += 1
            times.total += seconds
            if rows > 0:
                found.rows += rows
        if seconds > times.longest:
            times.longest = seconds

    def waited(self, seconds: float) -> None:
        """Somebody got a connection, or gave up, after so long."""
        times, at = self._waits, bisect_left(STEPS, seconds)
        with self._lock:
            times.counts[at] += 1
            times.total += seconds
        if seconds > times.longest:
            times.longest = seconds

    def waits(self) -> Times:
        """How long those waited who asked for a connection."""
        found = Times()
        found.counts[bisect_left(STEPS, PROMPT)] = self.prompt
        found.longest = PROMPT if self.prompt else 0.0
        found.merge(self._waits)
        return found

    def more(self, found: Shape, seconds: float, rows: int) -> None:
        """Time and rows that a statement took after it was counted, as those of a cursor on the server."""
        with self._lock:
            found.times.total += seconds
        found.rows += max(rows, 0)

    def shapes(self) -> list[Shape]:
        """All there are, the one that took most time first."""
        with self._lock:
            found = [*self._shapes.values(), *self._beyond.values()]
        return sorted((each for each in found if each.times.number), key=lambda each: -each.times.total)

    def totals(self) -> Totals:
        times, found = Times(), self.shapes()
        for each in found:
            times.merge(each.times)
        return Totals(
            times,
            sum(each.errors for each in found),
            sum(each.slow for each in found),
            sum(each.repeated for each in found),
        )


def _text(query: Any, connection: Any) -> str:
    if isinstance(query, str):
        return str(query)
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    try:
        return sql.as_string(query, connection)
    except Exception:
        # Whatever is wrong with it, the driver says so to the app in its own words.
        return type(query).__name__
