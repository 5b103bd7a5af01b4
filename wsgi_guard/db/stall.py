"""Bounds the wait for an answer: a server that froze, a line that swallows, a statement that does not end.

TCP tells nothing of a peer that took a query and is silent. So a thread looks at who waits, and where no answer
comes it asks the server, on a connection of its own, whether it is at work on the query; a silent server, or one that
is not, has lost it, and the connection is cut under whoever waits when `timeout` seconds are over. A slow query is left
alone until `query_timeout`, then cancelled. Queries pay two stores of a number for all this.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from psycopg import Error

from . import decide, wire

if TYPE_CHECKING:
    from .connection import PooledConnection
    from .watch import Watch

# Longest wait for the answer to "are you there", and for the end of a query that was cancelled.
PATIENCE = 1.0
STATE = "SELECT coalesce(state, 'hidden') FROM pg_stat_activity WHERE pid = {:d}"


class Silence:
    """A wait that began at `since`, and what was done about it."""

    __slots__ = ("asks_at", "cancelled_at", "forgotten", "since")

    def __init__(self, since: float, asks_at: float) -> None:
        self.since = since
        self.asks_at = asks_at
        self.cancelled_at = 0.0
        self.forgotten = False


class Stalls:
    """The waits of one pool; used by one thread."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._silences: dict[PooledConnection, Silence] = {}

    def look(self, conns: Iterable[PooledConnection]) -> None:
        """Does what is due about each connection that waits."""
        waiting = {conn: since for conn in conns if (since := conn.waiting_since)}
        for conn in self._silences.keys() - waiting.keys():
            del self._silences[conn]
        for conn, since in waiting.items():
            silence = self._silences.get(conn)
            if silence is None or silence.since != since:
                asks_at = since + decide.asks_after(self._watch.section.timeout, PATIENCE)
                silence = self._silences[conn] = Silence(since, asks_at)
            self._judge(conn, silence, monotonic())

    def _judge(self, conn: PooledConnection, silence: Silence, now: float) -> None:
        bound = self._watch.section.query_timeout
        if silence.cancelled_at:
            if now - silence.cancelled_at >= PATIENCE:
                self._cut(conn, silence, "the statement did not end when it was cancelled")
        elif bound and now - silence.since >= bound:
            silence.cancelled_at = now
            with suppress(Error):
                conn.cancel_safe(timeout=PATIENCE)
        elif now >= silence.asks_at:
            self._ask(conn, silence, now)

    def _ask(self, conn: PooledConnection, silence: Silence, now: float) -> None:
        try:
            forgotten = decide.forgotten(self._state(conn, now), known=conn.known)
        except TimeoutError:
            self._watch.pulse.failed()
            # What is true of one is of all that waited while the question did: nobody waits for a question of its own.
            late = monotonic()
            for other, wait in self._silences.items():
                if wait.since <= now and late >= wait.asks_at:
                    self._cut(other, wait, "the server is silent")
            return
        except ConnectionError:
            # It answers, if only to refuse: what it does with this query remains unknown.
            forgotten = False
        if forgotten and silence.forgotten:
            self._cut(conn, silence, "the server does not know of the statement")
        silence.forgotten = forgotten
        silence.asks_at = monotonic() + (PATIENCE if forgotten else max(PATIENCE, self._watch.section.timeout))

    def _state(self, conn: PooledConnection, now: float) -> str | None:
        """What the server says its process for `conn` does. None when it does not know that process."""
        watch = self._watch
        patience = min(PATIENCE, watch.section.timeout)
        if watch.section.pgbouncer:
            wire.ping(watch.conninfo(conn), patience)
            return None
        return wire.ask(watch.conninfo(conn), STATE.format(conn.backend), now + patience)

    def _cut(self, conn: PooledConnection, silence: Silence, why: str) -> None:
        """Ends the connection from here, which whoever waits for it sees at once; if it still waits for the same."""
        if conn.waiting_since != silence.since:
            return
        conn.cut = f"pool {self._watch.name!r}: no answer for {monotonic() - silence.since:.1f} s, {why}"
        conn.cut_off()
