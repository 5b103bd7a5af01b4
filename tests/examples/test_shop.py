"""The shop and its tour, as `./examples/run --tour` runs them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.live.servers import ROOT, Running, running

pytestmark = pytest.mark.live

TOKEN = "a token of the tests, long enough"
OPTIONS = ("-c", "python:wsgi_guard.gunicorn", "--workers", "2", "--chdir", str(ROOT / "examples" / "shop"))


def tour(site: Running, **env: str) -> subprocess.CompletedProcess[str]:
    assert isinstance(site.address, tuple)
    host, port = site.address
    command = [sys.executable, str(ROOT / "examples" / "tour.py"), f"http://{host}:{port}", str(site.log_path)]
    variables = {**os.environ, "SHOP_ADMIN_TOKEN": TOKEN, **env}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=90, check=False)


def test_tour_finds_every_answer_as_promised() -> None:
    with running("gunicorn-sync", "app:app", options=OPTIONS, env={"SHOP_ADMIN_TOKEN": TOKEN}) as site:
        done = tour(site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answers as promised" in done.stdout


def test_tour_fails_when_a_promise_is_broken() -> None:
    variables = {"SHOP_ADMIN_TOKEN": TOKEN, "WSGI_GUARD_VALIDATION__THREATS__MODE": "off"}
    with running("gunicorn-sync", "app:app", options=OPTIONS, env=variables) as site:
        done = tour(site)
    assert done.returncode == 1
    assert "NOT 200" in done.stdout


def test_shop_uses_the_stores_it_is_given(shared_redis: object, postgres_server: object) -> None:
    redis_url, database_url = shared_redis.url, postgres_server.url  # type: ignore[attr-defined]
    variables = {"SHOP_ADMIN_TOKEN": TOKEN, "REDIS_URL": redis_url, "DATABASE_URL": database_url}
    with running("gunicorn-sync", "app:app", options=OPTIONS, env=variables) as site:
        done = tour(site, REDIS_URL=redis_url)
        assert b"PostgreSQL" in site.get("/time").body
    assert done.returncode == 0, done.stdout + done.stderr
    assert "redis pass" in done.stdout
    assert "postgres pass" in done.stdout
