"""When a shadow limit speaks up again: once a minute for each client, with the count of what it would have denied.

Without it a busy client under a limit that only reports would cost a log line a request. Pure: `now` is an argument.
"""

from __future__ import annotations

from wsgi_guard.facts import Decision, Facts
from wsgi_guard.recent import Recent

from .rules import Quota

EVERY = 60.0  # seconds between two lines about one client and limit
BURST = 20  # denials of one key that have a line each before that
CLIENTS = 2048  # half of the most (client, limit) pairs remembered; one that is forgotten speaks up anew


class Told:
    """What was told about somebody at `now`, in seconds of any clock, and is not told again for a while."""

    __slots__ = ("_burst", "_count", "_until")

    def __init__(self, now: float, burst: int = 0) -> None:
        self._until = now + EVERY
        self._burst = burst
        self._count = 0

    def due(self, now: float) -> int:
        """Counts one more; how many requests the line to write now stands for, 0 when none is due."""
        self._count += 1
        if self._burst:
            self._burst -= 1
        elif now < self._until:
            return 0
        count, self._count, self._until = self._count, 0, now + EVERY
        return count


class Reports:
    """What was told of whom, and when."""

    __slots__ = ("_recent",)

    def __init__(self) -> None:
        self._recent: Recent[tuple[str, str], Told] = Recent(CLIENTS)

    def due(self, limit: str, client: str, now: float) -> int:
        """How many requests the line to write now stands for; 0 when none is due. `now` in seconds of any clock."""
        found = self._recent.get((limit, client))
        if found is None:
            self._recent.put((limit, client), Told(now))
            return 1
        return found.due(now)


def reason(quota: Quota, *, blocked: bool = False) -> str:
    """Why a charge was denied, for the record."""
    return "the key is blocked" if blocked else f"over {quota.quantity} in {quota.window} s"


def tell(facts: Facts, layer: str, verdict: str, rule: str, why: str, count: int) -> None:
    """Puts a decision on record, with an audit line where one is due that stands for `count` requests."""
    if count:
        facts.decide(layer, verdict, rule, why + since(count))
    else:
        facts.root.again += (Decision(layer, verdict, rule, why),)


def since(count: int) -> str:
    """How many requests a line stands for, where it is more than the one that wrote it."""
    return f", {count} requests since the last line" if count > 1 else ""
