"""The pools of all workers of a host are told by the one that checks, whichever of them is full."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.health.ticking import until
from tests.support.postgres import Postgres

from .servers import Running, running
from .wire import Ended

pytestmark = pytest.mark.live

TOKEN = "a-token-of-some-length"
APP = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/hold":
        environ["wsgi_guard.db"]().execute("SELECT pg_sleep(6)")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""
SETTINGS = """
[admin]
token = "{token}"

[pools.main]
url = "{url}"
max_size = 1
timeout = 30

[health.checks.postgres]
type = "postgres"
interval = 0.2
"""


def postgres_check(site: Running) -> Any:
    made = site.get("/health/check/postgres", {"Authorization": f"Bearer {TOKEN}"})
    return json.loads(made.body)["checks"]["postgres"][0]


def hold(site: Running) -> None:
    with suppress(OSError, Ended):
        site.get("/hold")


def test_requests_that_wait_in_any_worker_are_counted(tmp_path: Path, postgres_server: Postgres) -> None:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS.format(token=TOKEN, url=postgres_server.url))
    options = ("-c", "python:wsgi_guard.gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "9")
    with running("gunicorn-sync", "shop:app", options=(*options, "--chdir", str(tmp_path)), folder=tmp_path) as site:
        # Two workers, of which neither has opened its pool.
        until(lambda: postgres_check(site).get("observedValue", {}).get("max_size") == 2)
        holding = [threading.Thread(target=hold, args=(site,), daemon=True) for _ in range(7)]
        for thread in holding:
            thread.start()
        found: Any = {}

        def shown() -> bool:
            found.update(postgres_check(site))
            return bool(found.get("observedValue", {}).get("waiting", 0) >= 5)

        # Each of two workers has one connection; where all went to one worker six wait.
        until(shown)
        assert (found["status"], found["output"]) == ("warn", "waiting > 0")
        assert found["observedValue"]["used_percent"] == 100
        assert found["duration_ms"] < 1000
