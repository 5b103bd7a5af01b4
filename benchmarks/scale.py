"""A fleet that shares one limit: what taking charges ahead saves the store, and what it costs in early denials.

    python benchmarks/scale.py [--keys 10000000] [--workers 1000] [--rate 1000000] [--plot FILE] [--json FILE]

Simulates `workers` processes under `rate` requests a second, spread over `keys` by Zipf's law and over the workers at
random. Each request goes through the guard's own code: `Slices` of each worker over one store with the arithmetic of
all stores, and denials kept by each worker until the time the store gave. Keys are simulated one by one at ranks 1, 2,
4, ... (several of each where traffic is thin), each standing for those up to the next; all figures are of the second of
two windows. Nothing here depends on the machine but the time it takes.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chart import Line, chart

from wsgi_guard.ratelimit.rules import Quota
from wsgi_guard.ratelimit.slices import Slices
from wsgi_guard.stores import MemoryStore
from wsgi_guard.stores.contract import Tally
from wsgi_guard.stores.standing import wait

WINDOW = 10
LIMITS = (100, 400_000, 1_000_000)
AHEAD = (0, 4, 16, 64, 256)
# As measured by `ratelimit.py`: bytes of one key on Redis.
KEY_BYTES = 136
# A worker's host has so many of them.
HOST_WORKERS = 8
# Requests simulated at least for a rank, by as many keys as that takes.
ENOUGH = 4000


class Counting(MemoryStore):
    """Memory that knows how often it was asked."""

    trips = 0

    def charge(self, *given: Any, **named: Any) -> Tally:
        self.trips += 1
        return super().charge(*given, **named)


@dataclass(slots=True)
class Seen:
    """Of one key, or summed over many, in one window."""

    requests: float = 0
    admitted: float = 0
    trips: float = 0

    def add(self, other: Seen, weight: float) -> None:
        self.requests += other.requests * weight
        self.admitted += other.admitted * weight
        self.trips += other.trips * weight


def quota(limit: int, ahead: int) -> Quota:
    return Quota(
        id="all", quantity=limit, window=WINDOW, rule="all", label="all", key=lambda facts: "", on_failure="local",
        ahead=ahead,
    )  # fmt: skip


def simulate(limit: int, ahead: int, rate: float, workers: int, seed: int) -> Seen:
    """One key that gets `rate` requests a second."""
    dice, store, one = random.Random(seed), Counting(10), quota(limit, ahead)
    slices: dict[int, Slices] = {}
    denied: dict[int, int] = {}
    span, now, seen = WINDOW * 1_000_000, 0.0, Seen()
    while True:
        now += dice.expovariate(rate) * 1_000_000
        if now >= 2 * span:
            return seen
        worker, before, at = int(dice.random() * workers), store.trips, int(now)
        admitted = False
        if denied.get(worker, 0) <= at:
            if ahead:
                mine = slices.setdefault(worker, Slices(HOST_WORKERS))
                admitted, states, _ = mine.charge(store, [one], ["a"], None, at)
            else:
                admitted, states, _ = store.charge([one], ["a"], None, at)
            if not admitted:
                denied[worker] = at + wait(one, states[0])
        if now >= span:
            seen.add(Seen(1, admitted, store.trips - before), 1)


def rank_rates(keys: int, rate: float) -> list[tuple[int, int, float]]:
    """(rank, keys it stands for, requests a second of each): Zipf's law with exponent 1, mean over the stretch."""
    whole = math.log(keys) + 0.5772
    found, rank = [], 1
    while rank <= keys:
        upto = min(2 * rank, keys + 1)
        share = (math.log((upto - 0.5) / (rank - 0.5)) if rank > 1 else 1.0) / whole
        found.append((rank, upto - rank, rate * share / (upto - rank)))
        rank *= 2
    return found


def fleet(limit: int, ahead: int, options: argparse.Namespace, exact: dict[int, float]) -> dict[str, Any]:
    """The figures of all keys; `exact` is what each rank was admitted with none ahead, and is filled by that run."""
    total, hottest, live = Seen(), 0.0, 0.0
    less, more = 0.0, 0.0
    for rank, count, rate in rank_rates(options.keys, options.rate):
        runs = min(count, max(1, math.ceil(ENOUGH / (2 * WINDOW * rate))))
        mean = Seen()
        for run in range(runs):
            mean.add(simulate(limit, ahead, rate, options.workers, rank * 1_000_003 + run), 1 / runs)
        total.add(mean, count)
        difference = (mean.admitted - exact.setdefault(rank, mean.admitted)) / limit
        less, more = max(less, -difference), max(more, difference)
        hottest = max(hottest, mean.trips / WINDOW)
        # A key lives for two windows after its last charge.
        live += count * (1 - math.exp(-rate * 3 * WINDOW))
    return {
        "limit": limit, "ahead": ahead, "requests_s": total.requests / WINDOW, "trips_s": total.trips / WINDOW,
        "trips_a_request": total.trips / total.requests, "hottest_key_trips_s": hottest,
        "denied_share": 1 - total.admitted / total.requests, "too_few_of_limit": less, "too_many_of_limit": more,
        "store_bytes": live * KEY_BYTES,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=1_000_000, help="requests a second of the whole fleet")
    parser.add_argument("--node", type=float, default=50_000, help="charges a second that one node is to answer")
    parser.add_argument("--plot", type=Path, help="draw the figures as SVG")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    logging.disable()
    rows = []
    print(f"{options.keys:,} keys, {options.workers:,} workers, {options.rate:,.0f} requests a second")
    print(f"{f'limit in {WINDOW} s':>14} {'ahead':>6} {'trips a request':>16} {'of hottest key':>15} "
          f"{'too few':>9} {'too many':>9} {'nodes':>6}")
    for limit in LIMITS:
        exact: dict[int, float] = {}
        for ahead in AHEAD:
            row = fleet(limit, ahead, options, exact)
            row["nodes"] = math.ceil(row["trips_s"] / options.node)
            rows.append(row)
            print(f"{limit:14,} {ahead:6} {row['trips_a_request']:16.3f} {row['hottest_key_trips_s']:13,.0f}/s "
                  f"{row['too_few_of_limit']:9.2%} {row['too_many_of_limit']:9.2%} {row['nodes']:6}", flush=True)
    print(f"the store holds {rows[0]['store_bytes'] / 1e6:,.0f} MB at {KEY_BYTES} bytes a key")
    if options.plot:
        options.plot.write_text(draw(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def draw(rows: list[dict[str, Any]]) -> str:
    def lines(name: str, scale: float) -> list[Line]:
        found = []
        for limit in LIMITS:
            points = [(max(1, row["ahead"]), row[name] * scale) for row in rows if row["limit"] == limit]
            found.append(Line(f"{limit:,} in {WINDOW} s", points))
        return found

    axis = "charges taken ahead (1: none)"
    return chart([
        ("calls to the store a request", axis, lines("trips_a_request", 1)),
        ("calls a second for the hottest key", axis, lines("hottest_key_trips_s", 1)),
        ("admitted too few, % of the limit, worst key", axis, lines("too_few_of_limit", 100)),
    ])


if __name__ == "__main__":
    main()
