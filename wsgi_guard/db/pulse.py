"""The last signs of life and of failure of one pool's server, as its connections report them."""

from __future__ import annotations

from time import monotonic

from wsgi_guard.errors import Outage

from . import decide


class Pulse:
    """Written by any thread, read by any: two stores of a float, which need no lock."""

    __slots__ = ("_failed", "_lived", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._lived = monotonic()
        self._failed = 0.0

    def lived(self) -> None:
        self._lived = monotonic()

    def failed(self) -> None:
        self._failed = monotonic()

    @property
    def weak(self) -> bool:
        """Something failed since the last sign of life."""
        return self._failed > self._lived

    def away(self, timeout: float) -> bool:
        return decide.away(lived=self._lived, failed=self._failed, timeout=timeout, now=monotonic())

    def outage(self) -> Outage:
        return Outage(f"pool {self.name!r}", retry_after=decide.retry_after(away=self.weak))
