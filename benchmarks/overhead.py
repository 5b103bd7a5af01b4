"""Cost per request in process: bare app against guarded app, layer by layer, beside the composite.

    python benchmarks/overhead.py [--rounds 60] [--requests 300] [--json FILE] [--no-composite]

All variants are measured in turns within one run, so that they share the machine's moods; trust the ratios. The unit
"hello" is what Flask's own dispatch of a hello-world costs in the same run: Flask minus a bare callable.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import apps
from services import redis_server

REST = 0.02  # seconds

Variant = Callable[[], None]
# Microseconds a request, measured over so many.
Measured = Callable[[int], float]


def environ(method: str, body: bytes = b"") -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": "/api/hello", "QUERY_STRING": "",
        "RAW_URI": "/api/hello", "CONTENT_TYPE": "application/json" if body else "", "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "203.0.113.7",
        "HTTP_HOST": "shop.example", "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0",
        "HTTP_ACCEPT": "text/html,application/json;q=0.9,*/*;q=0.8", "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.5",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br", "HTTP_CONNECTION": "keep-alive", "HTTP_REFERER":
        "https://shop.example/", "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr,
        "wsgi.multithread": False, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip


def request_of(app: Any, method: str, body: bytes = b"", *, status: str = "200", **keys: str) -> Variant:
    """A request to the app, answered with this status; further environ keys by keyword."""
    template = {**environ(method, body), **keys}

    def start_response(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        if not line.startswith(status):
            raise AssertionError(f"the measured app answered {line}")

    def request() -> None:
        fresh = dict(template)
        fresh["wsgi.input"] = BytesIO(body)
        result = app(fresh, start_response)
        for _ in result:
            pass
        close = getattr(result, "close", None)
        if close is not None:
            close()

    return request


def parse_and_validate() -> Variant:
    """The reference for a POST: `json.loads` and one pass of the prebuilt validator."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(apps.SCHEMA)
    return lambda: list(validator.iter_errors(json.loads(apps.BODY))) and None


def denied(app: Any) -> Variant:
    """A request of a client that is over its limits."""
    first = request_of(app, "GET", status="")
    for _ in range(20):
        first()
    return request_of(app, "GET", status="429")


def timed(request: Variant, count: int) -> float:
    gc.collect()
    # What the one before left to a thread of its own is done first: lines that are written together.
    sleep(REST)
    start = perf_counter()
    for _ in range(count):
        request()
    return (perf_counter() - start) / count * 1e6


def variants(redis_url: str | None) -> dict[str, Measured]:
    flask = apps.flask()
    four = apps.guarded(apps.bare, schemas=True)
    found = {
        "bare": request_of(apps.bare, "GET"),
        "flask": request_of(flask, "GET"),
        "capture": request_of(apps.guarded(apps.bare, ()), "GET"),
        "capture, alerts, sentry": request_of(apps.alerted(apps.bare), "GET"),
        "capture + rate_limit": request_of(apps.guarded(apps.bare, ("rate_limit",)), "GET"),
        "capture + validation": request_of(apps.guarded(apps.bare, ("validation",), schemas=True), "GET"),
        "capture + health": request_of(apps.guarded(apps.bare, ("health",)), "GET"),
        "four layers": request_of(four, "GET"),
        "four layers on flask": request_of(apps.guarded(flask, schemas=True), "GET"),
        "bare POST": request_of(apps.bare, "POST", apps.BODY),
        "json.loads + validator": parse_and_validate(),
        "four layers POST": request_of(four, "POST", apps.BODY),
        **observing(),
        "a denial": denied(apps.guarded(apps.bare, rate_limit=apps.EXCEEDED)),
    }
    if redis_url:
        limits = {**apps.RATE_LIMIT, "store": redis_url}
        found["four layers, redis"] = request_of(apps.guarded(apps.bare, schemas=True, rate_limit=limits), "GET")
    return {name: partial(timed, request) for name, request in found.items()}


def observing() -> dict[str, Variant]:
    """Log and metrics by themselves and around four layers, by logging and [fast]."""
    alone = {
        "log": apps.LOG, "log [fast]": apps.DIRECT, "metrics": {**apps.QUIET, **apps.METRICS},
        "log, metrics": apps.OBSERVED, "log, metrics [fast]": apps.FAST,
    }  # fmt: skip
    around = {"four layers, log, metrics": apps.OBSERVED, "four layers, log, metrics [fast]": apps.FAST}
    return {
        **{name: request_of(apps.guarded(apps.bare, (), **tables), "GET") for name, tables in alone.items()},
        **{name: request_of(apps.guarded(apps.bare, schemas=True, **tables), "GET") for name, tables in around.items()},
    }


def composites(stack: ExitStack, redis_url: str | None) -> dict[str, Measured]:
    from remote import OBSERVED, composite

    memory = stack.enter_context(composite("memory://"))
    observed = stack.enter_context(composite(OBSERVED))
    found: dict[str, Measured] = {
        "composite of log and metrics": partial(observed.time, "GET"),
        "composite in memory": partial(memory.time, "GET"),
        "composite in memory POST": partial(memory.time, "POST"),
    }
    if redis_url:
        shared = stack.enter_context(composite(redis_url))
        found["composite, redis"] = partial(shared.time, "GET")
    return found


def measure(found: dict[str, Measured], rounds: int, requests: int) -> dict[str, list[float]]:
    """Microseconds a request, one figure a round, for every variant; all take turns."""
    for run in found.values():
        run(50)
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, run in found.items():
            times[name].append(run(requests))
    return times


BASES = {
    "four layers on flask": "flask", "bare POST": None, "json.loads + validator": None, "flask": "bare", "bare": None,
    "log": "capture", "log [fast]": "capture", "metrics": "capture", "log, metrics": "capture",
    "log, metrics [fast]": "capture", "composite of log and metrics": "flask", "composite in memory": "flask",
    "composite, redis": "flask", "composite in memory POST": "flask",
}  # fmt: skip


def over_base(name: str, times: dict[str, list[float]]) -> list[float] | None:
    """What a variant adds, round by round: a POST also does what its reference does."""
    if name == "four layers POST":
        pairs = zip(times[name], times["bare POST"], times["json.loads + validator"], strict=True)
        return [all_of - post - reference for all_of, post, reference in pairs]
    base = BASES.get(name, "bare")
    return [a - b for a, b in zip(times[name], times[base], strict=True)] if base else None


def table(times: dict[str, list[float]]) -> list[dict[str, Any]]:
    hello = statistics.median(a - b for a, b in zip(times["flask"], times["bare"], strict=True))
    rows = []
    for name, figures in times.items():
        added = over_base(name, times)
        row = {"variant": name, "median_us": statistics.median(figures), "minimum_us": min(figures)}
        if added:
            row |= {"added_us": statistics.median(added), "added_hello": statistics.median(added) / hello}
        rows.append(row)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'variant':34} {'median µs':>10} {'minimum µs':>11} {'adds µs':>9} {'adds hello':>11}")
    for row in rows:
        added = f"{row['added_us']:9.2f} {row['added_hello']:11.3f}" if "added_us" in row else ""
        print(f"{row['variant']:34} {row['median_us']:10.2f} {row['minimum_us']:11.2f} {added}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--no-composite", action="store_true", help="leave out what needs the extra [bench]")
    options = parser.parse_args()
    target = options.json.resolve() if options.json else None
    # No settings file of the current folder may have a say.
    os.chdir(tempfile.mkdtemp())
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_server())
        found = variants(redis_url)
        if not options.no_composite:
            found |= composites(stack, redis_url)
        times = measure(found, options.rounds, options.requests)
    rows = table(times)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {options.rounds} x {options.requests} requests")
    show(rows)
    if target:
        target.write_text(json.dumps({"python": platform.python_version(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
