"""When a shadow limit speaks up again: once a minute for each client, with the count of what it would have denied.

Without it a busy client under a limit that only reports would cost a log line a request. Pure: `now` is an argument.
"""

from __future__ import annotations

from wsgi_guard.recent import Recent

from .rules import Quota

EVERY = 60.0  # seconds between two lines about one client and limit
CLIENTS = 2048  # half of the most (client, limit) pairs remembered; one that is forgotten speaks up anew


class Reports:
    """What was told of whom, and when."""

    __slots__ = ("_recent",)

    def __init__(self) -> None:
        self._recent: Recent[tuple[str, str], list[float]] = Recent(CLIENTS)

    def due(self, limit: str, client: str, now: float) -> int:
        """How many requests the line to write now stands for; 0 when none is due. `now` in seconds of any clock."""
        found = self._recent.get((limit, client))
        if found is None:
            self._recent.put((limit, client), [now + EVERY, 0])
            return 1
        found[1] += 1
        if now < found[0]:
            return 0
        count, found[0], found[1] = int(found[1]), now + EVERY, 0
        return count


def reason(quota: Quota) -> str:
    """Why a charge was denied, for the record."""
    return f"over {quota.quantity} in {quota.window} s"


def since(count: int) -> str:
    """How many requests a line stands for, where it is more than the one that wrote it."""
    return f", {count} requests since the last line" if count > 1 else ""
