"""The policy of the pools: when a connection is lost, how long to wait, what is written and what is undone.

Pure: no driver, clock or socket; times are seconds of one monotonic clock, given as arguments.
"""

from __future__ import annotations

# PostgreSQL's appendix A: class 08 is "connection exception"; then admin_shutdown, crash_shutdown,
# cannot_connect_now (starting up, shutting down) and too_many_connections.
_AWAY = ("57P01", "57P02", "57P03", "53300")

# While the server is known to be away a request still waits this long: enough to connect over TLS to a server that is
# back, too little for every thread of a server to be stuck.
AWAY_PATIENCE = 0.5

# A connection used less than this ago is trusted after a look at its socket; an older one answers an empty query
# first. HikariCP's aliveBypassWindow has the same value.
TRUSTED = 0.5

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


def patience(timeout: float, *, away: bool) -> float:
    return min(timeout, AWAY_PATIENCE) if away else timeout


def retry_after(*, away: bool) -> int:
    """Whole seconds for `Retry-After`: an exhausted pool has room sooner than a server is back."""
    return AWAY_RETRY if away else EXHAUSTED_RETRY


def trusted(idle: float, *, failed: bool) -> bool:
    """Whether a connection unused for `idle` seconds needs no round trip; after a failure none is trusted."""
    return idle < TRUSTED and not failed


def keeps(code: int, *, raised: bool) -> bool:
    """Whether a request's transaction commits: a status below 500 and nothing raised."""
    return 0 < code < 500 and not raised
