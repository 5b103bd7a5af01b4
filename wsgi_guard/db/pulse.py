"""The last signs of life and of failure of one pool's server, and whom they let through while it is away."""

from __future__ import annotations

import threading
from time import monotonic

from wsgi_guard.errors import Outage

from . import decide


class Pulse:
    """Written by any thread, read by any: two stores of a float, which need no lock."""

    __slots__ = ("_failed", "_lived", "_lock", "_tries_at", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._lived = monotonic()
        self._failed = 0.0
        self._tries_at = 0.0
        self._lock = threading.Lock()

    def lived(self, now: float | None = None) -> None:
        """Notes a sign of life, of now or of a time that the caller knows already."""
        self._lived = monotonic() if now is None else now

    def failed(self) -> None:
        self._failed = monotonic()

    @property
    def weak(self) -> bool:
        """Something failed since the last sign of life."""
        return self._failed > self._lived

    def away(self, timeout: float) -> bool:
        return decide.away(lived=self._lived, failed=self._failed, timeout=timeout, now=monotonic())

    def patience(self, timeout: float) -> float:
        """How long a request waits for a connection that would wait for `timeout` seconds.

        While the server is away one request at a time waits to see whether it is back; all others are told at once.
        """
        if not self.away(timeout):
            return timeout
        now = monotonic()
        with self._lock:
            tries = now >= self._tries_at
            if tries:
                self._tries_at = now + decide.AWAY_PATIENCE + decide.AWAY_PAUSE
        return decide.patience(timeout, tries=tries)

    def outage(self) -> Outage:
        return Outage(f"pool {self.name!r}", retry_after=decide.retry_after(away=self.weak))
