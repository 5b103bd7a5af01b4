"""The pool beside what else there is: requests a second on few connections, and what a statement costs in one thread.

    python benchmarks/pool.py [--rounds 20] [--seconds 0.5] [--json FILE]

A request is `SELECT 1` in a transaction. 16 threads share 8 connections of each pool, or connect for each request: with
a password (SCRAM-SHA-256, what PostgreSQL asks for unless told otherwise), and to a server that trusts everybody; then
one thread asks through the bare psycopg_pool and through ours in turns, and beside a thread that computes; then a guard
with a pool is called by an app that never touches it, and one without. psycopg2 and SQLAlchemy are measured where they
are installed (extra `bench`). The server is a PostgreSQL of its own, or the one that `DATABASE_URL` names.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402
import psycopg_pool  # noqa: E402

from wsgi_guard import Guard  # noqa: E402
from wsgi_guard.db.pool import Pool  # noqa: E402
from wsgi_guard.settings.pools import PoolSection  # noqa: E402
from wsgi_guard.settings.secret import Secret  # noqa: E402

THREADS, CONNECTIONS = 16, 8
CONNECTING = "connect for each request"
Ask = Callable[[], Any]


@contextmanager
def server() -> Iterator[tuple[str, str | None]]:
    """A URL, and one of the same server that needs no password, where it has one."""
    if "DATABASE_URL" in os.environ:
        yield os.environ["DATABASE_URL"], None
        return
    from tests.support.postgres import Postgres

    started = Postgres(password=True)
    try:
        yield started.url, started.admin_url
    finally:
        started.discard()


def ours(url: str, stack: ExitStack, size: int) -> Ask:
    section = PoolSection(url=Secret(url), min_size=size, max_size=size, timeout=30.0)
    pool = stack.enter_context(closing(Pool("main", section)))
    pool.wait()

    def ask() -> Any:
        with pool.connection() as conn:
            return conn.execute("SELECT 1").fetchone()

    return ask


def bare(url: str, stack: ExitStack, size: int) -> Ask:
    pool = stack.enter_context(
        psycopg_pool.ConnectionPool(url, min_size=size, max_size=size, timeout=30.0, open=False)
    )
    pool.wait()

    def ask() -> Any:
        with pool.connection() as conn:
            return conn.execute("SELECT 1").fetchone()

    return ask


def connecting(url: str, stack: ExitStack, size: int) -> Ask:
    def ask() -> Any:
        with psycopg.connect(url) as conn:
            return conn.execute("SELECT 1").fetchone()

    return ask


def psycopg2_pool(url: str, stack: ExitStack, size: int) -> Ask:
    from psycopg2.pool import ThreadedConnectionPool

    pool = ThreadedConnectionPool(size, size, url)
    stack.callback(pool.closeall)
    # It raises when nothing is free; whoever uses it from more threads brings the queue.
    free = threading.Semaphore(size)

    def ask() -> Any:
        with free:
            conn = pool.getconn()
            try:
                with conn, conn.cursor() as cursor:
                    cursor.execute("SELECT 1")
                    return cursor.fetchone()
            finally:
                pool.putconn(conn)

    return ask


def sqlalchemy_pool(url: str, stack: ExitStack, size: int) -> Ask:
    from sqlalchemy.pool import QueuePool

    pool = QueuePool(lambda: psycopg.connect(url), pool_size=size, max_overflow=0, timeout=30)
    stack.callback(pool.dispose)

    def ask() -> Any:
        conn = pool.connect()
        try:
            cursor = conn.cursor()
            cursor.execute("SELECT 1")
            row = cursor.fetchone()
            conn.commit()
            return row
        finally:
            conn.close()

    return ask


VARIANTS: dict[str, Callable[[str, ExitStack, int], Ask]] = {
    "wsgi_guard": ours,
    "psycopg_pool": bare,
    "psycopg2 ThreadedConnectionPool": psycopg2_pool,
    "SQLAlchemy QueuePool": sqlalchemy_pool,
    CONNECTING: connecting,
}


def rate(ask: Ask, seconds: float) -> float:
    """Requests a second of THREADS threads together."""
    counts = [0] * THREADS
    start, end = threading.Barrier(THREADS + 1), time.monotonic() + 3600.0

    def work(at: int) -> None:
        start.wait()
        while time.monotonic() < end:
            ask()
            counts[at] += 1

    threads = [threading.Thread(target=work, args=(at,)) for at in range(THREADS)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    end = began + seconds
    start.wait()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def cost(ask: Ask, times: int = 200) -> float:
    """Microseconds of one request in one thread."""
    began = time.perf_counter()
    for _ in range(times):
        ask()
    return (time.perf_counter() - began) / times * 1e6


def beside(ask: Ask, seconds: float) -> list[float]:
    """Milliseconds of each request of a thread that pauses in between, while another one computes; in order."""
    done, found = threading.Event(), []

    def compute() -> None:
        while not done.is_set():
            for number in range(1000):
                number * number

    def work() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            ask()
            found.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.002)

    threads = [threading.Thread(target=compute), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    threads[1].join()
    done.set()
    threads[0].join()
    return sorted(found)


def idle(url: str) -> tuple[Ask, Ask]:
    """A request through a guard whose pool nobody touches, and through one without."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    def caller(settings: dict[str, Any]) -> Ask:
        guard = Guard(app, {"guard": {"layers": []}, "log": {"access": False}, **settings})
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "",
            "HTTP_HOST": "127.0.0.1:8000", "HTTP_ACCEPT": "*/*", "HTTP_USER_AGENT": "bench", "wsgi.url_scheme": "http",
            "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False, "wsgi.version": (1, 0),
        }  # fmt: skip
        return lambda: guard(dict(environ), lambda status, headers, exc_info=None: lambda data: None)

    return caller({"pools": {"main": {"url": url}}}), caller({})


def main() -> None:
    parser = argparse.ArgumentParser(description="the pool beside others")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    told: dict[str, Any] = {}
    with server() as (url, trusted), ExitStack() as stack:
        many = {}
        for name, make in VARIANTS.items():
            try:
                many[name] = make(url, stack, CONNECTIONS)
            except ImportError:
                print(f"{name}: not installed, left out")
        if trusted is not None:
            many[f"{CONNECTING}, trusted"] = connecting(trusted, stack, CONNECTIONS)
        rates: dict[str, list[float]] = {name: [] for name in many}
        for _ in range(max(1, chosen.rounds // 4)):
            for name, ask in many.items():
                rates[name].append(rate(ask, chosen.seconds))
        base = statistics.median(rates[CONNECTING])
        print(f"{THREADS} threads on {CONNECTIONS} connections   a second   of connecting")
        for name, found in rates.items():
            told[name] = statistics.median(found)
            print(f"  {name:34} {told[name]:9.0f}   {told[name] / base:8.1f} x")

    with server() as (url, _), ExitStack() as stack:
        print("one thread                           median µs   minimum   over bare")
        single = {"bare psycopg_pool": bare(url, stack, 1), "wsgi_guard": ours(url, stack, 1)}
        told["pool"] = compare(single, chosen.rounds * 5)
        print("one thread beside one that computes    median ms   nine of ten")
        told["beside"] = {}
        for name, ask in single.items():
            found = beside(ask, chosen.seconds * max(1, chosen.rounds // 4))
            told["beside"][name] = statistics.median(found)
            print(f"  {name:34} {statistics.median(found):9.2f}   {found[len(found) * 9 // 10]:9.2f}")
        with_pool, without = idle(url)
        guards = {"guard without a pool": without, "guard with an idle pool": with_pool}
        told["idle"] = compare(guards, chosen.rounds * 5)
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=2))


def compare(asks: dict[str, Ask], rounds: int) -> float:
    """Prints each, measured in turns; the median ratio of the last to the first."""
    found: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        cost(ask)
    for _ in range(rounds):
        for name, ask in asks.items():
            found[name].append(cost(ask))
    first = next(iter(found.values()))
    ratio = 1.0
    for name, costs in found.items():
        ratio = statistics.median(cost / base for cost, base in zip(costs, first, strict=True))
        print(f"  {name:34} {statistics.median(costs):9.1f}   {min(costs):7.1f}   {ratio:8.3f}")
    return ratio


if __name__ == "__main__":
    main()
