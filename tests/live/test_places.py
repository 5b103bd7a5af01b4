"""Requests in flight under gunicorn: a place lasts as long as its request, and a lease longer than a killed worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.support.redis import Redis

from .servers import Running, running
from .wire import Ended

pytestmark = pytest.mark.live

LEASE = 2
SETTINGS = f"""
[rate_limit]
builtin_rules = "off"
store_timeout = "2s"

[[rate_limit.rules]]
name = "reports"
path = "/reports"
limit = "1 per {LEASE} seconds"
algorithm = "concurrency"
"""
APP = """
import os
import pathlib
import time

def app(environ, start_response):
    seconds = float(environ["QUERY_STRING"] or 0)
    if seconds:
        pathlib.Path("busy").write_text(str(os.getpid()))
    time.sleep(seconds)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []
"""


@pytest.fixture(params=["shared", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS)
    store = "auto"
    if request.param == "redis":
        redis: Redis = request.getfixturevalue("redis_server")
        store = redis.url
    options = ("-c", "python:wsgi_guard.gunicorn", "--workers", "2", "--chdir", str(tmp_path))
    env = {"WSGI_GUARD_RATE_LIMIT__STORE": store}
    with running("gunicorn-sync", "shop:app", options=options, folder=tmp_path, env=env) as server:
        yield server


def _busy(folder: Path) -> int:
    """The worker that has begun the long request."""
    until = monotonic() + 10
    while monotonic() < until:
        with suppress(OSError, ValueError):
            return int((folder / "busy").read_text())
        sleep(0.01)
    raise TimeoutError("the long request did not begin")


def _asks(site: Running, until: float) -> list[tuple[float, int]]:
    found = []
    while monotonic() < until:
        with suppress(OSError, Ended):
            found.append((monotonic(), site.get("/reports").status))
        sleep(0.05)
    return found


def test_place_lasts_as_long_as_its_request(site: Running, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as aside:
        long = aside.submit(site.get, f"/reports?{2 * LEASE}")
        _busy(tmp_path)
        assert {status for _, status in _asks(site, monotonic() + 1.5 * LEASE)} == {429}
        assert long.result().status == 200
    # The place is given back once the answer has left, well before its lease would end.
    assert 200 in {status for _, status in _asks(site, monotonic() + LEASE / 2)}


def test_place_of_a_killed_worker_is_free_after_its_lease(site: Running, tmp_path: Path) -> None:
    with ExitStack() as stack:
        aside = stack.enter_context(ThreadPoolExecutor(1))
        lost = aside.submit(site.get, "/reports?30")
        os.kill(_busy(tmp_path), signal.SIGKILL)
        killed = monotonic()
        found = _asks(site, killed + LEASE + 3)
        with pytest.raises((OSError, Ended)):
            lost.result()
    held = [at - killed for at, status in found if status == 429]
    assert held
    assert max(held) < LEASE + 2
    assert found[-1][1] == 200
