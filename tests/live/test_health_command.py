"""`wsgi-guard health` as a container runs it: against a real gunicorn, and with the checks run by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.health.ticking import until
from tests.support.postgres import Postgres
from tests.support.processes import free_port
from tests.support.redis import Redis

from .servers import ROOT, Running, running

pytestmark = pytest.mark.live

TOKEN = "a-token-of-some-length"
APP = """
import os, time
from wsgi_guard import health_check

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app's"]

def queue():
    return {"status": "fail" if os.path.exists("broken") else "pass", "depth": 3}

def calm():
    return True

def hang():
    time.sleep(60)

@health_check
def decorated():
    return True
"""
SETTINGS = """
[admin]
token = "{token}"
listen = "0.0.0.0:{port}"

[health.checks]
system = {{ type = "shop:calm" }}
disk = {{ type = "shop:calm" }}
queue = {{ type = "shop:queue", interval = 0.1, tier = "ready" }}
orders = {{ type = "shop:calm", needs = ["queue"], interval = 0.1 }}
"""


class Said(NamedTuple):
    status: int
    out: str
    err: str
    took: float


def say(site: Path, *arguments: str, **env: str) -> Said:
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("wsgi-guard")), "health", *arguments]
    done = subprocess.run(
        command, cwd=site, env={**os.environ, "PYTHONPATH": str(ROOT), **env}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS.format(token=TOKEN, port=free_port()))
    return tmp_path


@pytest.fixture
def server(site: Path) -> Iterator[Running]:
    options = ("-c", "python:wsgi_guard.gunicorn", "--workers", "2", "--chdir", str(site))
    with running("gunicorn-sync", "shop:app", options=options, folder=site) as found:
        until(lambda: [say(site).out.startswith("pass\n") for _ in range(4)] == [True] * 4)
        yield found


def test_server_is_asked_at_the_port_of_its_settings(site: Path, server: Running) -> None:
    well = say(site)
    assert (well.status, well.err) == (0, "")
    assert well.out.startswith("pass\n")
    (site / "broken").touch()
    # One worker runs the checks; the other knows within its next look.
    until(lambda: all("blocked by queue" in say(site).out for _ in range(4)))
    first, *rows = say(site).out.splitlines()
    assert first == "fail: queue: fails"
    assert rows[0].startswith("fail  queue")
    assert rows[0].endswith("fails; affects orders; depth 3")
    assert rows[1].startswith("warn  orders")
    assert "blocked by queue" in rows[1]
    # Who leaves the balancer is not restarted for it.
    assert (say(site, "--ready").status, say(site, "--live").status) == (1, 0)
    assert say(site, "--ready").out == "fail: a check fails\n"
    found = json.loads(say(site, "--json").out)
    assert (found["status"], found["causes"]) == ("fail", ["queue"])


def test_server_is_asked_where_the_url_says(site: Path, server: Running) -> None:
    url = f"http://127.0.0.1:{server.address[1]}"
    assert say(site, "--url", url + "/").out.startswith("pass\n")
    without = say(site, "--url", url, WSGI_GUARD_ADMIN__TOKEN='""')
    assert (without.status, without.out) == (0, "pass\n")
    wrong = say(site, "--url", url, WSGI_GUARD_ADMIN__TOKEN='"quite-another-token"')
    assert (wrong.status, wrong.out) == (2, "")
    assert "401" in wrong.err
    assert "token" in wrong.err
    elsewhere = say(site, "--url", url + "/elsewhere")
    assert (elsewhere.status, elsewhere.err) == (2, "no answer of a guard's health, but 200 text/plain\n")


def test_what_cannot_be_asked_is_no_failure(site: Path) -> None:
    refused = say(site)
    assert (refused.status, refused.err) == (2, "no answer of a server: ConnectionRefusedError: Connection refused\n")
    assert say(site, "--url", "shop:8000").status == 2
    assert say(site, "--timeout", "0").status == 2
    assert "WSGI_GUARD_HEALTH__NONSENSE: unknown key" in say(site, WSGI_GUARD_HEALTH__NONSENSE="1").err
    unknown = say(site, WSGI_GUARD_ADMIN__LISTEN='""')
    assert (unknown.status, "admin.listen" in unknown.err) == (2, True)


def test_frozen_server_costs_the_timeout(site: Path, server: Running) -> None:
    frozen = server.family()
    for pid in frozen:
        os.kill(pid, 19)
    try:
        late = say(site, "--timeout", "0.5")
    finally:
        for pid in frozen:
            os.kill(pid, 18)
    assert (late.status, late.err) == (2, "no answer within 0.5 s\n")
    assert late.took < 5


def test_checks_run_without_a_server(site: Path, shared_redis: Redis, postgres_server: Postgres) -> None:
    env = {"REDIS_URL": shared_redis.url, "DATABASE_URL": postgres_server.url}
    well = say(site, "--run", "--timeout", "20", "--json", **env)
    assert (well.status, well.err) == (0, "")
    checks = json.loads(well.out)["checks"]
    assert {name: part["status"] for name, (part,) in checks.items()} == dict.fromkeys(
        ("system", "disk", "queue", "orders", "redis", "postgres"), "pass"
    )
    away = say(site, "--run", "--timeout", "20", **{**env, "DATABASE_URL": f"postgresql://x@127.0.0.1:{free_port()}/x"})
    assert away.status == 1
    assert away.out.startswith("fail: postgres: ")
    assert "decorated" in say(site, "--run", "--timeout", "20", "--import", "shop").out


def test_hanging_check_costs_its_timeout_alone(site: Path) -> None:
    with (site / "wsgi_guard.toml").open("a") as file:
        file.write('hang = { type = "shop:hang", timeout = 0.3 }\nlong = { type = "shop:hang", timeout = 50 }\n')
    said = say(site, "--run", "--timeout", "1")
    assert said.status == 1
    assert said.took < 10
    assert said.out.splitlines()[0] == "fail: hang: timed out; long: timed out"
    assert {row.split()[1] for row in said.out.splitlines() if row.startswith("pass  ")} >= {"queue", "orders", "disk"}
