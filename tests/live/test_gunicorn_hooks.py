"""The gunicorn hooks, on real masters and workers: flag, install, refusals, HUP, SIGKILL, drain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from .servers import ROOT, Running, running

pytestmark = pytest.mark.live

FLAG = ("-c", "python:wsgi_guard.gunicorn")
APP = """
import os

def app(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise LookupError("the shelf is empty")
    body = f"{os.getpid()} {environ.get('wsgi_guard.request_id')}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
# Drains of the tests: long enough to ask several times, short enough to wait for.
DRAIN = 1.5


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an app that knows nothing of the guard."""
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(f"[guard]\ndrain = {DRAIN}\n[health]\ninterval = 1\n")
    return tmp_path


def serving(
    folder: Path, *options: str, server: str = "gunicorn-sync"
) -> AbstractContextManager[Running]:
    return running(server, "shop:app", options=("--chdir", str(folder), *options), folder=folder)


def refused(folder: Path, *options: str) -> str:
    """What gunicorn prints when it does not start."""
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket", *options, "shop:app"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def worker(running_site: Running) -> int:
    return int(running_site.get("/").body.split()[0])


def wait_for_other_worker(running_site: Running, than: int) -> int:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            found = worker(running_site)
        except (OSError, EOFError, ValueError, AssertionError):
            found = than
        if found != than:
            return found
        time.sleep(0.05)
    raise TimeoutError("no other worker took over")


def wait_for_readiness(running_site: Running, status: int) -> None:
    deadline = time.monotonic() + 10
    while running_site.get("/readyz").status != status:
        assert time.monotonic() < deadline, f"/readyz never answered {status}"
        time.sleep(0.02)


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gunicorn-preload"])
def test_flag_guards_unmodified_app(site: Path, server: str) -> None:
    with serving(site, *FLAG, server=server) as shop:
        answer = shop.get("/")
        request_id = answer.get("X-Request-ID")
        assert (answer.status, answer.body.split()[1].decode()) == (200, request_id)
        failed = shop.get("/boom")
        assert failed.status == 500
        assert failed.get("Content-Type") == "application/problem+json"
        assert shop.get("/livez").status == 200
        shop.wait_log(failed.get("X-Error-ID") or "no error id")


def test_flag_loads_neighbouring_configuration(site: Path) -> None:
    (site / "gunicorn.conf.py").write_text(
        "def post_worker_init(worker):\n    open('theirs', 'w').write(type(worker.wsgi).__name__)\n"
    )
    with serving(site, *FLAG) as shop:
        assert shop.get("/").get("X-Request-ID")
        assert (site / "theirs").read_text() == "function"


def test_install_chains_hooks_already_there(site: Path) -> None:
    (site / "gunicorn.conf.py").write_text(
        "def when_ready(server):\n    open('theirs', 'w').write('called')\n"
        "from wsgi_guard.gunicorn import install\ninstall(globals())\n"
    )
    with serving(site) as shop:
        assert shop.get("/").get("X-Request-ID")
        assert (site / "theirs").read_text() == "called"


def test_overwritten_hook_stops_the_start(site: Path) -> None:
    (site / "gunicorn.conf.py").write_text(
        "from wsgi_guard.gunicorn import install\ninstall(globals())\ndef post_worker_init(worker):\n    pass\n"
    )
    printed = refused(site)
    assert "post_worker_init" in printed
    assert "overwritten" in printed


def test_worker_class_without_wsgi_is_refused(site: Path) -> None:
    assert "ASGIWorker' does not speak WSGI" in refused(site, *FLAG, "-k", "asgi")


def test_wrong_settings_stop_the_start(site: Path) -> None:
    (site / "wsgi_guard.toml").write_text('[guard]\ndrian = 3\n[rate_limit]\nheaders = "loud"\n')
    printed = refused(site, *FLAG)
    assert "drian" in printed
    assert "'drain'" in printed
    assert "headers" in printed


def test_wrong_schema_stops_the_start(site: Path) -> None:
    (site / "wsgi_guard.toml").write_text('[validation]\nschemas = "schemas"\n')
    (site / "schemas").mkdir()
    (site / "schemas" / "POST.json").write_text('{"type": "objekt"}')
    assert "POST.json" in refused(site, *FLAG)


def test_guarded_app_is_left_alone(site: Path) -> None:
    (site / "shop.py").write_text(APP + "\nfrom wsgi_guard import Guard\napp = Guard(app)\n")
    with serving(site, *FLAG) as shop:
        answer = shop.get("/")
        assert answer.status == 200
        assert len(answer.all("X-Request-ID")) == 1


def test_hup_keeps_the_guard_and_reads_configuration_anew(site: Path) -> None:
    (site / "gunicorn.conf.py").write_text("raw_env = ['SHELF=first']\n")
    with serving(site, *FLAG) as shop:
        before = worker(shop)
        (site / "gunicorn.conf.py").write_text("def post_fork(server, worker):\n    open('anew', 'w').write('yes')\n")
        shop.send(signal.SIGHUP)
        wait_for_other_worker(shop, before)
        assert shop.get("/").get("X-Request-ID")
        assert (site / "anew").read_text() == "yes"


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-preload"])
def test_killed_worker_is_replaced_guarded(site: Path, server: str) -> None:
    with serving(site, *FLAG, server=server) as shop:
        before = worker(shop)
        os.kill(before, signal.SIGKILL)
        wait_for_other_worker(shop, before)
        assert shop.get("/").get("X-Request-ID")


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gunicorn-preload"])
def test_drain_turns_readiness_first(site: Path, server: str) -> None:
    with serving(site, *FLAG, server=server) as shop:
        shop.get("/")
        wait_for_readiness(shop, 200)
        shop.send(signal.SIGTERM)
        stopped = time.monotonic()
        wait_for_readiness(shop, 503)
        asked = 0
        while time.monotonic() - stopped < DRAIN * 0.7:
            assert shop.get("/readyz").status == 503
            assert shop.get("/").status == 200
            asked += 1
        assert asked > 2
        assert shop.ended() == 0
        assert time.monotonic() - stopped >= DRAIN * 0.9


def test_second_sigterm_ends_the_drain(site: Path) -> None:
    (site / "wsgi_guard.toml").write_text("[guard]\ndrain = 60\n")
    with serving(site, *FLAG) as shop:
        shop.get("/")
        shop.send(signal.SIGTERM)
        wait_for_readiness(shop, 503)
        shop.send(signal.SIGTERM)
        assert shop.ended() == 0


def test_without_drain_sigterm_stops_at_once(site: Path) -> None:
    (site / "wsgi_guard.toml").write_text("")
    with serving(site, *FLAG) as shop:
        shop.get("/")
        shop.send(signal.SIGTERM)
        assert shop.ended(5) == 0


def test_memory_limits_of_several_workers_are_announced(site: Path) -> None:
    (site / "wsgi_guard.toml").write_text('[rate_limit]\nstore = "memory"\n')
    with serving(site, *FLAG, "--workers", "2") as shop:
        shop.wait_log("counts rate limits in each of the 2 workers")
