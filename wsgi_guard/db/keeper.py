"""The one thread of an open pool: looks for connections that are held too long, for waits that have no end, and for a
server that nobody asks."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING

from .reach import ask
from .stall import Stalls

if TYPE_CHECKING:
    from .pool import Pool

log = logging.getLogger("wsgi_guard.db")

# Seconds between two looks: a quarter of the shortest bound, within these.
SHORTEST, LONGEST = 0.05, 0.25


def keep(pool: Pool, ended: threading.Event) -> None:
    """Starts the thread; it ends when `ended` is set or the pool is gone."""
    section = pool.watch.section
    bounds = [bound for bound in (section.timeout, section.query_timeout, section.leak_after) if bound]
    pause = min(LONGEST, max(SHORTEST, min(bounds) / 4))
    threading.Thread(
        target=_run, args=(weakref.ref(pool), ended, pause), name=f"{pool.name}-keeper", daemon=True
    ).start()


def _run(ref: weakref.ref[Pool], ended: threading.Event, pause: float) -> None:
    stalls: Stalls | None = None
    while not ended.wait(pause):
        pool = ref()
        if pool is None:
            return
        stalls = stalls or Stalls(pool.watch)
        try:
            stalls.look(pool.made())
            if pool.watch.section.leak_after:
                pool.watch.tell_leaks()
            pool.watch.tell_left_out()
            if pool.watch.pulse.weak and pool.spoken_for:
                ask(pool.watch)
        except Exception:
            # Without this thread nothing would end a wait for a frozen server.
            log.exception("looking after pool %r failed, it goes on", pool.name)
        del pool
