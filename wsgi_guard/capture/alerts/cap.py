"""How many messages of an hour a fleet sends one by one; what is more comes together in digests."""

from __future__ import annotations

from wsgi_guard.errors import StoreError

from .counts import Counts
from .notice import Notice, message
from .outbox import Outbox

HOUR = 3600
TOGETHER = 3
"""Notices of one look that leave as messages of their own; more are a digest."""
HELD = 200
"""Notices over the cap that wait for a digest; further ones are counted."""


class Cap:
    """`per_hour` messages, and again as many that are CRITICAL, so that no flood of lesser ones holds those up.

    `digest`: seconds between two digests.
    """

    def __init__(self, outbox: Outbox, counts: Counts, per_hour: int, digest: int) -> None:
        self._outbox = outbox
        self._counts = counts
        self._per_hour = per_hour
        self._digest = digest
        self._held: list[Notice] = []
        self._more = 0

    @property
    def held(self) -> int:
        """Notices that wait."""
        return len(self._held) + self._more

    def hand_over(self, notices: list[Notice], *, last: bool) -> None:
        """Sends them now, or keeps them for a digest; at the `last` look that one goes out whenever the other did."""
        groups = [notices] if len(notices) > TOGETHER else [[notice] for notice in notices]
        for group in groups:
            sent = message(group)
            if self._may("cap:critical" if sent.severity == "CRITICAL" else "cap", HOUR, self._per_hour):
                self._outbox.send(sent)
            else:
                self._hold(group)
        if self._held and (last or self._may("digest", self._digest)):
            self._outbox.send(message(self._held, self._more))
            self._held, self._more = [], 0

    def _may(self, name: str, seconds: int, quantity: int = 1) -> bool:
        """A claim; where nobody can tell, the message goes out."""
        try:
            return self._counts.claim(name, seconds, quantity)
        except StoreError:
            return True

    def _hold(self, notices: list[Notice]) -> None:
        room = HELD - len(self._held)
        self._held += notices[:room]
        self._more += len(notices[room:])
