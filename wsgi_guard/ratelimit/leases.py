"""Places of requests in flight, kept while the request lasts: each is renewed before its lease ends.

A place whose process died is renewed by nobody, so it is free again once the lease has passed. A request that stands
still together with its process loses its place likewise, and has it back at the next renewal.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from time import monotonic
from weakref import ref

from wsgi_guard.errors import StoreError
from wsgi_guard.stores import Debt, Store

from .plan import Owing

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.
log = logging.getLogger("wsgi_guard")

PART = 3
"""A place is renewed in each third of its lease, so that one renewal may fail."""

STEP = 0.5
"""Most seconds between two looks while requests are in flight: the next may have a shorter lease than all before."""

STARTING = threading.Lock()


class Place:
    """One place in use: where it is charged, and whether a renewal of it is under way or its request has ended."""

    __slots__ = ("debt", "due", "ended", "period", "renewing", "store")

    def __init__(self, owing: Owing, now: float) -> None:
        self.store: Store = owing.store
        self.debt: Debt = owing.debt
        self.period = owing.quota.window / PART
        self.due = now + self.period
        self.renewing = self.ended = False


class Leases:
    """`settle` is called at each round: what abandoned responses give back. `failed` hears of a store that is away."""

    def __init__(self, settle: Callable[[], None], failed: Callable[[StoreError], object]) -> None:
        self._settle = settle
        self._failed = failed
        # By the identity of what is owed, which lives as long as it stands here.
        self._places: dict[int, tuple[Owing, Place]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._pid = 0

    def take(self, owing: Sequence[Owing]) -> None:
        """Keeps the places among `owing` renewed from now on."""
        if self._pid != os.getpid():
            self._begin()
        now = monotonic()
        with self._lock:
            for one in owing:
                if one.quota.lease:
                    self._places[id(one)] = one, Place(one, now)
        if not self._wake.is_set():
            self._wake.set()

    def end(self, owing: Owing) -> Debt | None:
        """What is to be refunded now; None when a renewal is under way, after which it is refunded."""
        with self._lock:
            _, place = self._places.pop(id(owing), (None, None))
            if place is None:
                return owing.debt
            place.ended = True
            return None if place.renewing else place.debt

    def renew(self, now: float) -> float:
        """Renews what is due at `now`, in seconds of the monotonic clock; the seconds until the next is due."""
        self._settle()
        with self._lock:
            due = [place for _, place in self._places.values() if place.due <= now]
            for place in due:
                place.renewing, place.due = True, now + place.period
        for place in due:
            self._renew(place)
        with self._lock:
            return min((place.due for _, place in self._places.values()), default=now + STEP) - now

    def _renew(self, place: Place) -> None:
        try:
            (place.debt,) = place.store.renew([place.debt])
        except StoreError as error:
            self._failed(error)
        with self._lock:
            place.renewing, ended = False, place.ended
        if ended:
            try:
                place.store.refund([place.debt])
            except StoreError as error:
                self._failed(error)

    def _begin(self) -> None:
        """The renewing thread of this process; one that forked has none of its parent's, nor of its requests."""
        with STARTING:
            if self._pid != os.getpid():
                self._places, self._lock, self._wake = {}, threading.Lock(), threading.Event()
                self._pid = os.getpid()
                wake = self._wake
                # With the guard whose requests these are ends the thread.
                mine = ref(self, lambda _: wake.set())
                threading.Thread(target=_run, args=(mine, wake), name="wsgi_guard-leases", daemon=True).start()

    def round(self) -> float | None:
        """Renews what is due; seconds until the next round, None while there is nothing to renew."""
        if not self._places:
            self._wake.clear()
            # Whoever came since has found the bell rung, and would not ring it again.
            if not self._places:
                return None
        try:
            rest = self.renew(monotonic())
        except Exception:
            log.exception("renewing the places of requests in flight failed")
            rest = STEP
        return min(max(rest, 0.02), STEP)


def _run(mine: ref[Leases], wake: threading.Event) -> None:
    while True:
        leases = mine()
        if leases is None:
            return
        rest = leases.round()
        del leases
        if rest is None:
            wake.wait()
        else:
            time.sleep(rest)
