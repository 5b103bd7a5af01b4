"""What one pool knows of its connections' work in this process, and what of it is worth a line in the log.

Counting is `tally.py`, holding `holders.py`, signs of life `pulse.py`; this is where they meet the request.
"""

from __future__ import annotations

import logging
import threading
from math import inf
from time import monotonic
from typing import Any

from psycopg import Error
from psycopg.conninfo import make_conninfo

from wsgi_guard.errors import Outage
from wsgi_guard.facts import Facts
from wsgi_guard.settings.pools import PoolSection

from . import decide
from .caller import caller
from .holders import Holders
from .options import hosts, whole_conninfo
from .pulse import Pulse
from .tally import BEYOND, Shape, Tally

log = logging.getLogger("wsgi_guard.db")

# Lines a second about slow statements and exhaustion of one pool: an outage must not fill a disk.
LINES = 10


class Watch:
    """One pool's, made anew in each process."""

    def __init__(self, name: str, section: PoolSection) -> None:
        self.name = name
        self.section = section
        self.pulse = Pulse(name)
        self.tally = Tally()
        self.holders = Holders(doing)
        self._lines = decide.Budget(LINES, 1.0)
        self._counting = threading.Lock()
        self.ended = threading.Event()
        # Who asks whether a server that failed is back; see `reach.py`, which has no use for several servers.
        self.asking = threading.Lock()
        # How many got no connection though the server was there, and when the last of them gave up.
        self.refused = 0
        self.refused_at = -inf
        self.alone = hosts(section) == 1
        self._slow = section.slow_query or inf
        self._repeated = section.repeated_query

    def conninfo(self, conn: Any = None) -> str:
        """How to reach the server; with `conn` the very one that it goes to, of several that the URL may name."""
        if conn is None:
            return whole_conninfo(self.name, self.section)
        info = conn.info
        there = {"host": info.host, "port": info.port, "target_session_attrs": "any"}
        return make_conninfo(whole_conninfo(self.name, self.section), **there, hostaddr=info.hostaddr or None)

    def ran(self, shape: Shape, seconds: float, rows: int, root: Facts | None) -> None:
        """A statement has ended; `rows` below 0 are unknown, `root` is the request it belongs to."""
        self.tally.add(shape, seconds, rows)
        if root is not None:
            self._count(root, shape)
        if seconds >= self._slow:
            self._tell_slow(shape, seconds, rows, root)

    def ran_on(self, shape: Shape, seconds: float, rows: int, root: Facts | None) -> None:
        """A statement that was counted has taken more time, for more rows."""
        self.tally.more(shape, seconds, rows)
        if seconds >= self._slow:
            self._tell_slow(shape, seconds, rows, root)

    def _count(self, root: Facts, shape: Shape) -> None:
        root.db_queries += 1
        if not self._repeated or shape.text in BEYOND.values():
            return
        counts = root.db_shapes
        if counts is None:
            counts = root.db_shapes = {}
        count = counts[shape] = counts.get(shape, 0) + 1
        if count == self._repeated + 1:
            shape.repeated += 1
            log.warning(
                "request %s: the same statement more than %d times in pool %r, from %s: %s",
                root.request_id, self._repeated, self.name, caller(), shape.text,
            )  # fmt: skip

    def _tell_slow(self, shape: Shape, seconds: float, rows: int, root: Facts | None) -> None:
        shape.slow += 1
        left_out = self._take_line()
        if left_out is None:
            return
        request = f"request {root.request_id}" if root is not None else "outside requests"
        log.warning(
            "%s: slow statement in pool %r, %.0f ms, %s rows, from %s: %s%s",
            request, self.name, seconds * 1000, rows if rows >= 0 else "unknown", caller(), shape.text, left_out,
        )  # fmt: skip

    def _take_line(self) -> str | None:
        """None when there are enough lines already, else what this one has to add about those left out."""
        with self._counting:
            left_out = self._lines.take(monotonic())
        if left_out < 0:
            return None
        return f" ({left_out} lines left out before)" if left_out else ""

    def tell_left_out(self, *, last: bool = False) -> None:
        """Logs how many lines the last burst was spared, once it is over; `last`: the pool closes."""
        with self._counting:
            left_out = self._lines.owed(monotonic(), last=last)
        if left_out:
            log.warning(
                "pool %r: %d lines about slow statements or waits in vain left out, more than %d came in a second",
                self.name, left_out, LINES,
            )  # fmt: skip

    def tell_leaks(self) -> None:
        """Logs each connection that is held for longer than the setting `leak_after`, once."""
        for hold in self.holders.overdue(self.section.leak_after):
            log.warning(
                "%s holds a connection of pool %r for %.1f s already; last statement: %s; taken at\n  %s",
                hold.who, self.name, hold.seconds, hold.doing, "\n  ".join(hold.lines) or "an unknown place",
                # The thread that tells it runs no request.
                extra={"request_id": hold.request_id} if hold.request_id else None,
            )  # fmt: skip

    def exhausted(self, words: str) -> None:
        """Somebody got no connection; `words` say why."""
        if not self.pulse.weak:
            self.refused += 1
            self.refused_at = monotonic()
        left_out = self._take_line()
        if left_out is not None:
            log.warning("pool %r: %s%s", self.name, words, left_out)

    def lost(self, error: Error, facts: Facts | None) -> None:
        """A connection was lost while it was used; `facts` are those of the request to tell, if any."""
        self.pulse.failed()
        if facts is not None:
            facts.note(self.outage(), error)

    def outage(self) -> Outage:
        return self.pulse.outage()


def doing(conn: Any) -> str:
    """The statement that a connection ran last."""
    shape = conn.asked
    return shape.text if shape is not None else "none yet"
