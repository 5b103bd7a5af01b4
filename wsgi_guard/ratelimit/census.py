"""What the processes of this host have denied, by rule and by key, for those who operate it.

Each process counts for itself and soon after puts its counts on the board that all of them share; without one, as
outside gunicorn with the hooks, it knows of itself alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any
from weakref import ref

from wsgi_guard.board import Board, Row
from wsgi_guard.series import COUNTER, Series

from .rules import Quota

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.
log = logging.getLogger("wsgi_guard")

MOST = 512
"""Keys whose denials are counted, at about 200 bytes each; the least denied half makes room for new ones."""
TOLD = 64
"""Keys, and blocks, of each process that the others get to know."""
EVERY = 0.1
"""Seconds between two writes to the board."""

Pair = tuple[str, str]
_joining = threading.Lock()


class Census:
    """Counts since the start of the server. Races between threads lose a count, never more.

    `name` tells the counts of one guard from those of another in the same process.
    """

    def __init__(self, name: str = "", board: Callable[[], Board | None] = lambda: None) -> None:
        self._name = name
        self._board = board
        self._pid = 0
        self._bell = threading.Event()
        # Whether the bell has rung already: asked in each denied request, at a fifth of the cost of asking the bell.
        self._rung = False
        self._row: Row | None = None
        self.denials: Counter[str] = Counter()
        self.shadows: Counter[str] = Counter()
        # What of these the process before had counted, whose row this one goes on with.
        self._earlier: Counter[tuple[str, str]] = Counter()
        self.keys: Counter[Pair] = Counter()
        # Until when keys are blocked, in seconds of the monotonic clock, which is one for all processes of a host.
        self.blocks: dict[Pair, float] = {}

    def denied(self, quota: Quota, key: str) -> None:
        self.denials[quota.rule] += 1
        self.keys[quota.rule, key] += 1
        if len(self.keys) > MOST:
            self.keys = Counter(dict(self.keys.most_common(MOST // 2)))
        if not self._rung:
            self._ring()

    def shadowed(self, quota: Quota) -> None:
        self.shadows[quota.rule] += 1
        if not self._rung:
            self._ring()

    def blocked(self, rule: str, key: str, until: float) -> None:
        self.blocks.pop((rule, key), None)
        self.blocks[rule, key] = until
        if len(self.blocks) > MOST:
            for old in list(self.blocks)[: MOST // 2]:
                del self.blocks[old]
        self._ring()

    def series(self) -> Iterator[Series]:
        """What this process has denied, and would have, by rule."""
        text = "Requests that a rule denied, or would have if it were enforced."
        for decision, counts in (("denied", self.denials), ("shadow", self.shadows)):
            for rule, count in list(counts.items()):
                own = count - self._earlier[rule, decision]
                labels = (("rule", rule), ("decision", decision))
                yield Series("wsgi_guard_rate_limit_decisions", COUNTER, text, own, labels)

    def all(self) -> Totals:
        """What all processes have counted."""
        self._join()
        totals = Totals()
        totals.add(self._told(MOST))
        for row in self._row.others() if self._row is not None else ():
            totals.add(row.get(self._name, {}))
        return totals

    def _told(self, most: int) -> dict[str, Any]:
        now = monotonic()
        # `sorted` and `list` copy at once: other threads count meanwhile.
        keys = sorted(self.keys.items(), key=lambda one: -one[1])[:most]
        return {
            "pid": os.getpid(),
            "denials": dict(list(self.denials.items())),
            "shadows": dict(list(self.shadows.items())),
            "keys": [[rule, key, count] for (rule, key), count in keys],
            "blocks": [[rule, key, until] for (rule, key), until in list(self.blocks.items())[-most:] if until > now],
        }

    def _ring(self) -> None:
        self._join()
        if self._row is not None:
            self._rung = True
            self._bell.set()

    def _join(self) -> None:
        """Takes this process's row; one that was forked has another than its parent."""
        if self._pid == os.getpid():
            return
        with _joining:
            if self._pid == os.getpid():
                return
            board, bell = self._board(), threading.Event()
            self._bell, self._rung = bell, False
            self._row = board.join() if board is not None else None
            self._pid = os.getpid()
        if self._row is not None:
            self._go_on(self._row.inherited.get(self._name, {}))
            # With the guard whose counts these are ends the thread.
            mine = ref(self, lambda _: bell.set())
            arguments = (mine, self._row, bell)
            threading.Thread(target=_write_on, args=arguments, name="wsgi_guard-census", daemon=True).start()

    def _go_on(self, told: dict[str, Any]) -> None:
        totals = Totals()
        totals.add(told)
        for decision, counts in (("denied", totals.denials), ("shadow", totals.shadows)):
            self._earlier.update({(rule, decision): count for rule, count in counts.items()})
        self.denials.update(totals.denials)
        self.shadows.update(totals.shadows)
        self.keys.update(totals.keys)
        self.blocks.update(totals.blocks)

    def write(self, row: Row) -> None:
        """Tells the other processes. What is counted from here on rings again."""
        self._bell.clear()
        self._rung = False
        page = row.pages[self._name] = self._told(TOLD)
        if row.write(dict(row.pages)):
            return
        # What guards before a reload have left goes first, then the keys.
        for shorter in (page, {**page, "keys": [], "blocks": []}):
            if row.write({self._name: shorter}):
                return


class Totals:
    """Sums of what processes told."""

    def __init__(self) -> None:
        self.processes: list[int] = []
        self.denials: Counter[str] = Counter()
        self.shadows: Counter[str] = Counter()
        self.keys: Counter[Pair] = Counter()
        self.blocks: dict[Pair, float] = {}

    def add(self, told: dict[str, Any]) -> None:
        if "pid" in told:
            self.processes.append(told["pid"])
        self.denials.update(told.get("denials", {}))
        self.shadows.update(told.get("shadows", {}))
        for rule, key, count in told.get("keys", ()):
            self.keys[rule, key] += count
        for rule, key, until in told.get("blocks", ()):
            self.blocks[rule, key] = max(until, self.blocks.get((rule, key), 0.0))


def _write_on(mine: ref[Census], row: Row, bell: threading.Event) -> None:
    while True:
        bell.wait()
        time.sleep(EVERY)
        census = mine()
        if census is None:
            return
        try:
            census.write(row)
        except Exception:
            log.exception("telling other processes what was denied failed")
        del census
