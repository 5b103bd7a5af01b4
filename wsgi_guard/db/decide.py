"""The policy of the pools: when a connection is lost, how long to wait, what is written and what is undone.

Pure: no driver, clock or socket; times are seconds of one monotonic clock, given as arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

# PostgreSQL's appendix A: class 08 is "connection exception"; then admin_shutdown, crash_shutdown,
# cannot_connect_now (starting up, shutting down) and too_many_connections.
_AWAY = ("57P01", "57P02", "57P03", "53300")

# serialization_failure, deadlock_detected: PostgreSQL's chapter 13.5 says to run the transaction again.
_CONFLICT = ("40001", "40P01")

# While the server is known to be away one request at a time waits this long, enough to connect over TLS to a server
# that is back; the others wait no longer than a connection that is there needs to prove itself.
AWAY_PATIENCE = 0.5
AT_ONCE = 0.05

# Then for so long nobody waits, for a worker that has one request at a time would have each of them wait.
AWAY_PAUSE = 0.5

# A connection used less than this ago is trusted after a look at its socket; an older one answers an empty query
# first. HikariCP's aliveBypassWindow has the same value.
TRUSTED = 0.5

# One given back less than this ago goes on without that look, which asks the system.
WARM = 0.005

EXHAUSTED_RETRY = 1
AWAY_RETRY = 5


def lost(sqlstate: str | None, closed: bool) -> bool:
    """Whether an error means that the database is away, and not that a statement was wrong."""
    return closed or (sqlstate is not None and (sqlstate.startswith("08") or sqlstate in _AWAY))


def away(*, lived: float, failed: float, timeout: float, now: float) -> bool:
    """Whether the server is taken to be away: something failed since the last sign of life, and that is long ago.

    "Long" is `timeout`, what a request would wait anyway. So a pool whose connections come and go is never thought
    away because the server refuses one more, and a short restart is waited for.
    """
    return failed > lived and now - lived >= timeout


def patience(timeout: float, *, tries: bool) -> float:
    """How long a request waits while the server is away; `tries`: it is the one to find out whether it is back."""
    return min(timeout, AWAY_PATIENCE if tries else AT_ONCE)


def retry_after(*, away: bool) -> int:
    """Whole seconds for `Retry-After`: an exhausted pool has room sooner than a server is back."""
    return AWAY_RETRY if away else EXHAUSTED_RETRY


def trust(check: str) -> float:
    """For how many seconds after its last use a connection needs no round trip, by the setting `check`."""
    return {"idle": TRUSTED, "always": 0.0, "never": inf}[check]


def asks_after(timeout: float, answer: float) -> float:
    """Seconds of silence after which the server is asked, so that an `answer` awaited for so long is due in `timeout`.

    Half of a short timeout stays the query's own, for a server that merely works is not to be asked at once.
    """
    return max(timeout - answer, timeout / 2)


def forgotten(state: str | None, *, known: bool) -> bool:
    """Whether a server process in this state of `pg_stat_activity` is not at work on what it was asked for.

    None is a process that is not there: it has ended if it is `known` to be the server's, else a pooler stands between.
    """
    return known if state is None else state.startswith("idle")


def transient(sqlstate: str | None, closed: bool) -> bool:
    """Whether the same work may well succeed in a moment: a conflict with others, a connection that was lost."""
    return sqlstate in _CONFLICT or lost(sqlstate, closed)


def pause(attempt: int, chance: float, *, first: float, longest: float) -> float:
    """Seconds to wait before attempt `attempt` + 1: doubled each time, less up to a half by `chance` (0 to 1).

    The jitter keeps those apart who met once.
    """
    return min(longest, first * 2.0 ** min(attempt - 1, 30)) * (1.0 - chance / 2)


class Sum(NamedTuple):
    """`wanted` connections of all pools that go to a server which takes `there`, with the sum in words."""

    wanted: int
    there: int
    words: str


def room(workers: int, pools: Mapping[str, int], limits: Mapping[str, int]) -> Sum:
    """What `workers` processes may open, each with `pools` (name -> max_size), against the server's `limits`."""
    one = sum(pools.values())
    kept = limits.get("superuser_reserved_connections", 0) + limits.get("reserved_connections", 0)
    most = limits.get("max_connections", 0)
    parts = " + ".join(f"{name} {size}" for name, size in pools.items())
    words = (
        f"{workers} workers x ({parts}) = {workers * one} connections, "
        f"the server takes {most - kept} (max_connections {most} - {kept} reserved)"
    )
    return Sum(workers * one, most - kept, words)


class Budget:
    """At most `most` lines in `span` seconds."""

    def __init__(self, most: int, span: float) -> None:
        self._most, self._span = most, span
        self._until, self._taken, self._left_out = 0.0, 0, 0

    def take(self, now: float) -> int:
        """-1 when no line is to be written, else how many were not since the last one."""
        if now >= self._until:
            self._until, self._taken = now + self._span, 0
        if self._taken >= self._most:
            self._left_out += 1
            return -1
        self._taken += 1
        return self._owed()

    def owed(self, now: float, *, last: bool = False) -> int:
        """How many lines were left out that no line has told of, once their `span` is over, or as the `last` word."""
        return self._owed() if last or now >= self._until else 0

    def _owed(self) -> int:
        left_out, self._left_out = self._left_out, 0
        return left_out


def keeps(code: int, *, raised: bool) -> bool:
    """Whether a request's transaction commits: a status below 500 and nothing raised."""
    return 0 < code < 500 and not raised
