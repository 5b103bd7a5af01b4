"""Counters under gunicorn with several workers: exact over restarts and kills, bounded in files, nothing mixed up."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.servers import Running, running
from tests.live.wire import Ended

from .asking import HEADERS, TOKEN, Samples, read, total

pytestmark = pytest.mark.live

# Whole, a hundred workers have come and gone, and ten thousand requests run between each other.
SOAK = bool(os.environ.get("WSGI_GUARD_SOAK"))
TURNS = 25 if SOAK else 4
FLAG = ("-c", "python:wsgi_guard.gunicorn")
APP = """
import logging, os
from prometheus_client import Counter, Gauge

ORDERS = Counter("shop_orders", "Orders.", ["kind"])
BUSY = Gauge("shop_busy", "Busy.", multiprocess_mode="livesum")
log = logging.getLogger("shop")
handler = logging.FileHandler("app.log")
handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
log.addHandler(handler)
log.setLevel("INFO")

def app(environ, start_response):
    ORDERS.labels("tea").inc()
    BUSY.inc()
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("of ours")
    log.info("first %s", environ["wsgi_guard.request_id"])
    if environ["PATH_INFO"] == "/slow":
        import time
        time.sleep(0.002)
    log.info("second %s", environ["wsgi_guard.request_id"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"%04d" % (os.getpid() % 10000)]
"""
SETTINGS = f"""
[admin]
token = "{TOKEN}"
[log]
file = "guard.log"
[rate_limit]
builtin_rules = "off"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS)
    (tmp_path / "numbers").mkdir()
    return tmp_path


def serving(folder: Path, *options: str, server: str = "gunicorn-sync"):  # type: ignore[no-untyped-def]
    env = {"PROMETHEUS_MULTIPROC_DIR": str(folder / "numbers")}
    return running(
        server, "shop:app", options=("--chdir", str(folder), *FLAG, *options), folder=folder, env=env
    )


def metrics_of(shop: Running) -> Samples:
    answer = shop.get("/metrics", HEADERS)
    assert answer.status == 200, answer.body
    return read(answer.body)


def counted(shop: Running) -> float:
    return total(metrics_of(shop), "http_requests_total", endpoint="(unmatched)", status="200")


def ask_from(shop: Running, threads: int, each: int, path: str = "/") -> int:
    """How many of the requests were answered."""
    answered: list[int] = []

    def client() -> None:
        for _ in range(each):
            try:
                answered.append(shop.get(path).status)
            except (OSError, Ended):
                continue

    clients = [threading.Thread(target=client) for _ in range(threads)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert set(answered) <= {200}
    return len(answered)


def wait_for(true: Callable[[], bool], patience: float = 15.0) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gunicorn-preload"])
def test_counters_are_exact_over_workers(site: Path, server: str) -> None:
    with serving(site, "--workers", "4", server=server) as shop:
        assert ask_from(shop, 8, 50) == 400
        found = metrics_of(shop)
        assert total(found, "http_requests_total", endpoint="(unmatched)") == 400
        assert total(found, "http_request_duration_seconds_count", endpoint="(unmatched)") == 400
        assert total(found, "http_response_size_bytes_sum", endpoint="(unmatched)") == 1600
        assert total(found, "shop_orders_total", kind="tea") == 400
        assert total(found, "http_requests_in_progress") == 1


def test_nothing_is_lost_or_grows_when_workers_die(site: Path) -> None:
    with serving(site, "--workers", "4") as shop:
        sent = 0
        for turn in range(TURNS):
            sent += ask_from(shop, 4, 5)
            assert [shop.get("/fails").status for _ in range(3)] == [500] * 3
            before = shop.family()[1:]
            for pid in before:
                os.kill(pid, signal.SIGKILL if turn % 2 else signal.SIGTERM)
            wait_for(lambda old=set(before): len(shop.family()) == 5 and not old & set(shop.family()))  # type: ignore[misc]
        sent += ask_from(shop, 4, 5)
        found = metrics_of(shop)
        assert total(found, "http_requests_total", endpoint="(unmatched)", status="200") == sent
        assert total(found, "wsgi_guard_errors_total", category="programming") == 3 * TURNS
        assert total(found, "shop_orders_total") == sent + 3 * TURNS
        # A gauge tells of those that live alone.
        assert total(found, "shop_busy") == 20
        assert total(found, "http_requests_in_progress") == 1
        # Five kinds of files for each place of a worker, whoever has it.
        assert len(list((site / "numbers").glob("*.db"))) <= 2 * 10


def test_reload_keeps_the_counts(site: Path) -> None:
    with serving(site, "--workers", "2") as shop:
        assert ask_from(shop, 2, 20) == 40
        old = set(shop.family()[1:])
        shop.send(signal.SIGHUP)
        wait_for(lambda: len(shop.family()) == 3 and not old & set(shop.family()))
        assert counted(shop) == 40


def test_killed_worker_loses_its_requests_in_flight_alone(site: Path) -> None:
    with serving(site, "--workers", "4", "--threads", "2", server="gunicorn-gthread") as shop:
        stop = threading.Event()
        answered: list[int] = []

        def load() -> None:
            answered.append(ask_from(shop, 8, 60, "/slow"))
            stop.set()

        loading = threading.Thread(target=load)
        loading.start()
        kills = 0
        while not stop.wait(0.3) and kills < 6:
            if len(shop.family()) == 5:
                os.kill(shop.family()[1], signal.SIGKILL)
                kills += 1
        loading.join()
        # A request that was counted may have lost its answer on the way; two threads of each killed worker at most.
        assert 0 <= counted(shop) - answered[0] <= 2 * kills


@pytest.mark.parametrize("server", ["gunicorn-gthread", "gunicorn-gevent"])
def test_no_request_id_leaks(site: Path, server: str) -> None:
    options = ("--workers", "1") + (("--threads", "16") if server == "gunicorn-gthread" else ())
    each = 625 if SOAK else 60
    with serving(site, *options, server=server) as shop:
        assert ask_from(shop, 16, each, "/slow") == 16 * each
    lines = [line.split() for line in (site / "app.log").read_text().splitlines()]
    assert len(lines) == 2 * 16 * each
    assert [line for line in lines if line[0] != line[2]] == []
    told = [json.loads(line) for line in (site / "guard.log").read_text().splitlines()]
    ids = [line["request_id"] for line in told if line["logger"] == "wsgi_guard.access"]
    assert sorted(ids) == sorted({line[0] for line in lines})
