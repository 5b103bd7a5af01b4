"""A charge of three limits: this project's three stores beside `limits`, Flask-Limiter and a raw socket.

    python benchmarks/ratelimit.py [--rounds 200] [--charges 50] [--threads 16] [--json FILE]

All variants take short turns within one run; trust the ratios, each the median of what the rounds gave. The raw socket
sends the very script of this project on an open connection and reads the reply without looking at it. Commands are
counted by the server (`INFO commandstats`).
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import platform
import socket
import statistics
import struct
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

import redis
from services import redis_server

from wsgi_guard.stores import MemoryStore, Policy, Store
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.redis_frames import CHARGE, Frame, pack
from wsgi_guard.stores.shared import SharedStore, SharedTable

Work = Callable[[], object]
POLICIES = tuple(Policy(f"bench-{minutes}", 10**9, 60 * minutes) for minutes in (1, 60, 1440))
KEYS = ("203.0.113.7",) * 3


def charging(store: Store) -> Work:
    return lambda: store.charge(POLICIES, KEYS)


def limits_of(storage: str, strategy: str) -> Work:
    """Three limits as a loop of `hit`, which is how Flask-Limiter asks."""
    from limits import parse
    from limits.storage import storage_from_string
    from limits.strategies import STRATEGIES

    limiter = STRATEGIES[strategy](storage_from_string(storage))
    # The log keeps every charge, so it gets a limit that it can hold.
    most = 10**9 if strategy != "moving-window" else 10_000
    items = [parse(f"{most} per {minutes} minutes") for minutes in (1, 60, 1440)]
    return lambda: [limiter.hit(item, "203.0.113.7") for item in items]


def raw_socket(url: str) -> Work:
    """The same EVALSHA on a bare connection."""
    port = int(url.rpartition(":")[2].split("/")[0])
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(pack(b"SCRIPT", b"LOAD", CHARGE.text))
    line.recv(4096)
    command = Frame(POLICIES).command(KEYS, b"", None)

    def ask() -> bytes:
        line.sendall(command)
        return line.recv(4096)

    return ask


def flask_limiter(storage: str) -> Work:
    """A request to a Flask app with three limits, and the same app without them, as their difference."""
    from flask import Flask
    from flask_limiter import Limiter

    app = Flask("limited")
    Limiter(lambda: "203.0.113.7", app=app, storage_uri=storage, strategy="sliding-window-counter",
            default_limits=["1000000000 per minute", "1000000000 per hour", "1000000000 per day"])  # fmt: skip
    app.add_url_rule("/", view_func=lambda: "")
    client = app.test_client()
    return lambda: client.get("/")


def mean(work: Work, count: int) -> float:
    """Microseconds a charge, once what ran before has left the processor's caches."""
    for _ in range(10):
        work()
    start = perf_counter()
    for _ in range(count):
        work()
    return (perf_counter() - start) / count * 1e6


def threaded(work: Work, count: int, threads: int) -> float:
    """Charges a second of so many threads together."""
    running = [threading.Thread(target=mean, args=(work, count)) for _ in range(threads)]
    start = perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return threads * count / (perf_counter() - start)


def variants(url: str | None) -> dict[str, Work]:
    found = {
        "memory": charging(MemoryStore(100_000)),
        "shared": charging(SharedStore(SharedTable.create(100_000), 1.0)),
        "limits memory, counter x 3": limits_of("memory://", "sliding-window-counter"),
        "limits memory, log x 3": limits_of("memory://", "moving-window"),
        "Flask-Limiter memory, counter x 3 (with its Flask)": flask_limiter("memory://"),
    }
    if url is not None:
        found |= {
            "redis": charging(RedisStore(url, 5.0)),
            "raw socket, same script": raw_socket(url),
            "limits redis, counter x 3": limits_of(url, "sliding-window-counter"),
            "limits redis, log x 3": limits_of(url, "moving-window"),
            "Flask-Limiter redis, counter x 3 (with its Flask)": flask_limiter(url),
        }
    return found


RATIOS = (
    ("memory", "limits memory, counter x 3", 0.33),
    ("shared", "limits memory, counter x 3", 0.5),
    ("redis", "raw socket, same script", 1.35),
    ("redis", "limits redis, counter x 3", 0.5),
)


def waits(processes: int, count: int) -> dict[str, float]:
    """Microseconds of a charge on shared memory while so many processes charge, each its own key: median and p99."""
    table, found = SharedTable.create(100_000), []
    told = mmap.mmap(-1, 8 * count * processes)

    def charge(number: int) -> None:
        store, key = SharedStore(table, 1.0), f"key-{number}"
        times = []
        for _ in range(count):
            start = perf_counter()
            store.charge(POLICIES, (key,) * 3)
            times.append((perf_counter() - start) * 1e6)
        struct.pack_into(f"{count}d", told, 8 * count * number, *times)

    for number in range(processes):
        pid = os.fork()
        if not pid:
            try:
                charge(number)
            finally:
                os._exit(0)
        found.append(pid)
    for pid in found:
        os.waitpid(pid, 0)
    times = sorted(struct.unpack(f"{count * processes}d", told))
    return {
        f"shared, {processes} processes, median µs": times[len(times) // 2],
        f"shared, {processes} processes, p99 µs": times[len(times) * 99 // 100],
    }


def commands(url: str, count: int) -> dict[str, float]:
    """Redis commands for one charge, by name, without those that scripts call; and bytes for a key."""
    server: Any = redis.Redis.from_url(url, protocol=2)
    store = RedisStore(url, 5.0)
    found = {}
    for number in (1, 3, 16):
        policies = [Policy(f"count-{number}-{n}", 1000, 60) for n in range(number)]
        store.charge(policies, ["a"] * number)
        server.config_resetstat()
        for _ in range(count):
            store.charge(policies, ["a"] * number)
        stats = server.info("commandstats")
        found[f"EVALSHA for {number} policies"] = stats["cmdstat_evalsha"]["calls"] / count
    server.flushall()
    store.charge(POLICIES, KEYS)
    sizes = [server.memory_usage(name) for name in server.keys("*")]
    found["bytes for a key"] = max(sizes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--charges", type=int, default=50)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--json")
    options = parser.parse_args()
    with redis_server() as url:
        table = variants(url)
        for work in table.values():
            mean(work, 50)
        rounds = [
            {name: mean(work, options.charges) for name, work in table.items()} for _ in range(options.rounds)
        ]
        medians = {name: statistics.median(one[name] for one in rounds) for name in table}
        minima = {name: min(one[name] for one in rounds) for name in table}
        many = {
            name: threaded(table[name], 1000, options.threads)
            for name in table if "raw" not in name and "Flask" not in name
        }  # fmt: skip
        counted = {**waits(8, 5000), **(commands(url, 200) if url else {})}
    print(f"{platform.python_implementation()} {platform.python_version()}, µs for a charge of three limits")
    for name in table:
        print(f"  {name:52} {medians[name]:8.1f}  minimum {minima[name]:8.1f}" +
              (f"  {many[name]:9,.0f}/s in {options.threads} threads" if name in many else ""))  # fmt: skip
    ratios = {}
    for a, b, wanted in RATIOS:
        if a in table and b in table:
            ratio = ratios[f"{a} / {b}"] = statistics.median(one[a] / one[b] for one in rounds)
            print(f"  {a + ' / ' + b:52} {ratio:8.2f}  of minima {minima[a] / minima[b]:5.2f}  wanted {wanted}")
    for name, value in counted.items():
        print(f"  {name:52} {value:8.1f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"median": medians, "minimum": minima, "per second": many, "ratios": ratios, **counted}, file)


if __name__ == "__main__":
    main()
