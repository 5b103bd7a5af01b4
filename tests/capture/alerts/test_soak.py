"""A flood of errors of one root cause from four workers: three messages, and no request notices.

A hundred thousand in a minute; without WSGI_GUARD_SOAK a twentieth of it:

    WSGI_GUARD_SOAK=1 ./tests/run tests/capture/alerts/test_soak.py -s -o faulthandler_timeout=0
"""

from __future__ import annotations

import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import pytest

from tests.live.servers import Running, running

from .making import kinds
from .receivers import Hook, hanging

pytestmark = [pytest.mark.live, pytest.mark.soak]

APP = "tests.capture.alerts.failing:app"
OPTIONS = ["--workers", "4", "-c", "python:wsgi_guard.gunicorn"]
SOAK = bool(os.environ.get("WSGI_GUARD_SOAK"))
TOTAL, ROUNDS = (100_000, 20) if SOAK else (9_600, 6)
CLIENTS = 8
PAIRED = 1_600
SLOWER = 1.1 if SOAK else 3.0
"""Most that the p99 may grow; few rounds on a busy machine tell little."""
AT_ONCE = 50
"""Requests on one connection: one each would use up the ports of the machine, all on one keep to one worker."""


def ask(port: int, count: int) -> list[float]:
    """Seconds that each of `count` requests took, one after the other."""
    found = []
    for at in range(count):
        if at % AT_ONCE == 0:
            line = HTTPConnection("127.0.0.1", port, timeout=30)
        began = perf_counter()
        line.request("GET", "/fails")
        answer = line.getresponse()
        answer.read()
        found.append(perf_counter() - began)
        assert answer.status == 500
        if at % AT_ONCE == AT_ONCE - 1:
            line.close()
    return found


def flood(pool: ProcessPoolExecutor, site: Running, count: int) -> list[float]:
    """`count` errors by all clients together."""
    return list(chain.from_iterable(pool.map(ask, [int(site.address[1])] * CLIENTS, [count // CLIENTS] * CLIENTS)))


def memory(site: Running) -> int:
    """Kilobytes of all its processes, what they share counted once."""
    found = 0
    for pid in site.family():
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1])
    return found


def percentile(times: list[float], part: float) -> float:
    return sorted(times)[int(len(times) * part)]


def test_flood_is_three_messages_and_no_request_notices(hook: Hook) -> None:
    """Two servers take turns, one with alerts that go to a webhook and to a mail server that never answers.

    Their p99 are compared round by round over as many requests each, one right after the other.
    """
    listener = hanging()
    plain = {"WSGI_GUARD_LOG__ACCESS": "false", "WSGI_GUARD_LOG__FILE": os.devnull}
    alerts = {
        **plain, "WSGI_GUARD_ALERTS__WEBHOOK__URL": hook.url, "WSGI_GUARD_ALERTS__EMAIL__SERVER": "127.0.0.1",
        "WSGI_GUARD_ALERTS__EMAIL__PORT": str(listener.getsockname()[1]),
        "WSGI_GUARD_ALERTS__EMAIL__SENDER": "a@b.example", "WSGI_GUARD_ALERTS__EMAIL__RECIPIENTS": '["c@d.example"]',
    }  # fmt: skip
    part, spent = TOTAL // ROUNDS, 0.0
    times: dict[str, list[list[float]]] = {"without": [], "with": []}
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(CLIENTS, get_context("spawn")))
        without = stack.enter_context(running("gunicorn-gthread", APP, options=OPTIONS, env=plain))
        site = stack.enter_context(running("gunicorn-gthread", APP, options=OPTIONS, env=alerts))
        used = []
        for _ in range(ROUNDS):
            began = perf_counter()
            flood(pool, site, part - PAIRED)
            times["with"].append(flood(pool, site, PAIRED))
            spent += perf_counter() - began
            times["without"].append(flood(pool, without, PAIRED))
            used.append(memory(site))
        site.stop()
    listener.close()
    told = kinds(hook.inbox.now())
    p99 = {name: [percentile(one, 0.99) for one in found] for name, found in times.items()}
    ratio = statistics.median(a / b for a, b in zip(p99["with"], p99["without"], strict=True))
    print(f"\n{TOTAL} errors in {spent:.0f} s; messages {told}; p99 x {ratio:.2f}; memory of 5 processes {used} KB")
    assert len(told) <= 3
    assert sum(count for _, count, _ in told) == TOTAL == told[-1][2]
    assert ratio < SLOWER
    # After the first half nothing is new any more.
    assert used[-1] < used[ROUNDS // 2] + 5 * 1024
