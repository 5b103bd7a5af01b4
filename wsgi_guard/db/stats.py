"""The pools in numbers: as metrics, and as JSON for an operator. Copies what stands there, asks no server."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgi_guard.facts import Facts
from wsgi_guard.pages import Page
from wsgi_guard.series import COUNTER, GAUGE, HISTOGRAM, MOST, Series

if TYPE_CHECKING:
    from .pool import Pool
    from .tally import Shape, Times

SLOWEST = 20
"""Shapes that the page lists."""
LATELY = 30
"""Seconds for which a pool that gave out is told of."""
LABEL = 120
"""Characters of a statement in the labels of a metric."""

Labels = tuple[tuple[str, str], ...]

# Name, kind, help, and where psycopg_pool's statistics have it.
COUNTED = (
    ("size", GAUGE, "Connections that the pool has.", "pool_size"),
    ("available", GAUGE, "Connections that nobody uses.", "pool_available"),
    ("min_size", GAUGE, "Least connections of the pool.", "pool_min"),
    ("max_size", GAUGE, "Most connections of the pool.", "pool_max"),
    ("waiting", GAUGE, "Requests that wait for a connection.", "requests_waiting"),
    ("requests", COUNTER, "Connections asked for.", "requests_num"),
    ("requests_queued", COUNTER, "Connections asked for when none was free.", "requests_queued"),
    ("requests_failed", COUNTER, "Connections asked for and not had.", "requests_errors"),
    ("connections_opened", COUNTER, "Attempts to connect.", "connections_num"),
    ("connections_failed", COUNTER, "Attempts to connect that failed.", "connections_errors"),
    ("connections_lost", COUNTER, "Connections that were found broken.", "connections_lost"),
    ("returned_bad", COUNTER, "Connections that came back broken.", "returns_bad"),
)


def series(pools: Mapping[str, Pool]) -> Iterator[Series]:
    for name, pool in pools.items():
        yield from _series(pool, (("pool", name),))


def _series(pool: Pool, labels: Labels) -> Iterator[Series]:
    told, watch = numbers(pool), pool.watch
    for name, kind, text, key in COUNTED:
        yield Series(f"wsgi_guard_db_pool_{name}", kind, text, float(told.get(key, 0)), labels)
    totals = watch.tally.totals()
    yield Series("wsgi_guard_db_pool_used", GAUGE, "Connections in somebody's hands.", len(watch.holders), labels)
    held, leaks = watch.holders.seconds, watch.holders.leaks
    yield Series("wsgi_guard_db_pool_usage_seconds", COUNTER, "Time that connections were held.", held, labels)
    yield Series("wsgi_guard_db_pool_leaks", COUNTER, "Connections held too long.", leaks, labels)
    waits, queries = watch.tally.waits().buckets(), totals.times.buckets()
    yield Series("wsgi_guard_db_pool_wait_seconds", HISTOGRAM, "Wait for a connection.", waits, labels)
    yield Series("wsgi_guard_db_query_seconds", HISTOGRAM, "Time of a statement.", queries, labels)
    yield Series("wsgi_guard_db_query_errors", COUNTER, "Statements that failed.", totals.errors, labels)
    yield Series("wsgi_guard_db_slow_queries", COUNTER, "Statements that took too long.", totals.slow, labels)
    text = "Requests that ran one statement too often."
    yield Series("wsgi_guard_db_repeated_queries", COUNTER, text, totals.repeated, labels)
    yield from _states(pool, labels)
    for found in _shown(watch.tally.shapes()):
        yield from _statement(found, (*labels, ("statement", _label(found.text))))


def _states(pool: Pool, labels: Labels) -> Iterator[Series]:
    watch = pool.watch
    away, leaks = watch.pulse.away(watch.section.timeout), sum(hold["leak"] for hold in watch.holders.now())
    longest = watch.tally.waits().longest
    yield Series("wsgi_guard_db_pool_open", GAUGE, "Processes that have opened the pool.", pool.here, labels)
    yield Series("wsgi_guard_db_pool_server_away", GAUGE, "Whether the server is away.", away, labels, MOST)
    yield Series("wsgi_guard_db_pool_leaks_now", GAUGE, "Connections held too long just now.", leaks, labels)
    yield Series("wsgi_guard_db_pool_longest_wait_seconds", GAUGE, "Longest wait so far.", longest, labels, MOST)
    text = "Requests that got no connection though the server was there."
    yield Series("wsgi_guard_db_pool_refused", COUNTER, text, watch.refused, labels)


def _statement(found: Shape, labels: Labels) -> Iterator[Series]:
    times, name = found.times, "wsgi_guard_db_statement"
    yield Series(f"{name}_seconds", HISTOGRAM, "Time of one statement.", times.buckets(), labels)
    longest = "Longest time of one statement."
    yield Series(f"{name}_longest_seconds", GAUGE, longest, times.longest, labels, MOST)
    for what, text, value in (
        ("rows", "Rows of one statement.", found.rows),
        ("errors", "Failures of one statement.", found.errors),
        ("slow", "How often one statement took too long.", found.slow),
        ("repeated", "Requests that ran it too often.", found.repeated),
    ):
        if value:
            yield Series(f"{name}_{what}", COUNTER, text, value, labels)


def _shown(shapes: list[Shape]) -> list[Shape]:
    """Those that are or were among the slowest, or repeat themselves: a counter that was shown once is shown on."""
    for found in (*_slowest(shapes), *(each for each in shapes if each.repeated)):
        found.shown = True
    return [found for found in shapes if found.shown]


def _label(text: str) -> str:
    """A statement as a label, which every sample repeats: cut, with a sum of all of it to tell it from others."""
    return text if len(text) <= LABEL else f"{text[:LABEL]}.. {zlib.crc32(text.encode()):08x}"


def numbers(pool: Pool) -> dict[str, Any]:
    """What psycopg_pool counts; of a pool that this process has not opened, its sizes."""
    return pool.get_stats() if pool.here else {"pool_max": pool.max_size, "pool_min": pool.min_size}


def saturation(pool: Pool) -> dict[str, float]:
    """How full the pool of this process is, for a check of health; asks nobody and waits for nothing."""
    told, most = numbers(pool), pool.max_size
    used = len(pool.watch.holders)
    return {
        "size": told.get("pool_size", 0), "max_size": most, "used": used, "used_percent": round(100 * used / most),
        "waiting": told.get("requests_waiting", 0), "refused": pool.watch.refused,
    }  # fmt: skip


def exhaustion(pools: Mapping[str, Pool]) -> str | None:
    """A sentence while requests get no connection, for who asks this process how it is; else None."""
    now = monotonic()
    names = [repr(name) for name, pool in pools.items() if now - pool.watch.refused_at < LATELY]
    return f"requests got no connection in the last {LATELY} s from pool {', '.join(names)}" if names else None


def pages(path: str, pools: Mapping[str, Pool]) -> dict[str, Page]:
    def stats(facts: Facts) -> dict[str, Any]:
        return {"worker": os.getpid(), "pools": {name: report(pool) for name, pool in pools.items()}}

    return {path: Page(stats)}


def report(pool: Pool) -> dict[str, Any]:
    """One pool as this process knows it; times in milliseconds."""
    told, watch = numbers(pool), pool.watch
    shapes, totals = watch.tally.shapes(), watch.tally.totals()
    waits, held = watch.tally.waits(), watch.holders.now()
    return {
        "open": pool.here,
        "server_away": watch.pulse.away(watch.section.timeout),
        "size": {
            "now": told.get("pool_size", 0), "available": told.get("pool_available", 0), "used": len(watch.holders),
            "min": told.get("pool_min", 0), "max": told.get("pool_max", 0),
        },
        "waits": {
            "waiting_now": told.get("requests_waiting", 0), "queued": told.get("requests_queued", 0),
            **_percentiles(waits),
        },
        "use": {"requests": told.get("requests_num", 0), "held_ms": _ms(watch.holders.seconds)},
        "errors": {
            "requests": told.get("requests_errors", 0), "connecting": told.get("connections_errors", 0),
            "lost": told.get("connections_lost", 0), "returned_bad": told.get("returns_bad", 0),
            "statements": totals.errors,
        },
        "statements": totals.times.number,
        "slowest": [_shape(each) for each in _slowest(shapes)],
        "repeated": [{"statement": each.text, "requests": each.repeated} for each in shapes if each.repeated],
        "leaks": {"seen": watch.holders.leaks, "now": [hold for hold in held if hold["leak"]]},
        "held": held,
    }  # fmt: skip


def _slowest(shapes: Iterable[Shape]) -> list[Shape]:
    return sorted(shapes, key=lambda each: -each.times.quantile(0.95))[:SLOWEST]


def _shape(found: Shape) -> dict[str, Any]:
    times = found.times
    return {
        "statement": found.text, "count": times.number, "rows": found.rows, "errors": found.errors, "slow": found.slow,
        "total_ms": _ms(times.total), **_percentiles(times),
    }  # fmt: skip


def _percentiles(times: Times) -> dict[str, float]:
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
    return {name: _ms(times.quantile(share)) for name, share in shares.items()} | {"longest_ms": _ms(times.longest)}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
