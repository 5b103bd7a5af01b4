"""Limits under gunicorn: one limit for all workers of a host, over death, reload and preload; the operator's hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.redis import Redis

from .servers import ROOT, Running, running

pytestmark = pytest.mark.live

APP = """
import os
import time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1.0)
    wrong = environ["PATH_INFO"] == "/login" and environ.get("HTTP_PASSWORD") != "right"
    status = "401 Unauthorized" if wrong else "200 OK"
    body = str(os.getpid()).encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
TOKEN = "a-token-of-some-length"
SETTINGS = f"""
[admin]
token = "{TOKEN}"

[rate_limit]
builtin_rules = "off"

[[rate_limit.rules]]
name = "pages"
path = "/pages"
limit = "40 per hour"

[[rate_limit.rules]]
name = "login"
path = "/login"
limit = "6 per hour"
count = [401]

[[rate_limit.rules]]
name = "slow"
path = "/slow"
limit = "2 at once"
algorithm = "concurrency"
"""
FLAG = ("-c", "python:wsgi_guard.gunicorn", "--workers", "4")
GUARDED = "from wsgi_guard import Guard\nfrom shop import app\napplication = Guard(app)\n"
KINDS = {
    "sync": (*FLAG,),
    "gthread": (*FLAG, "--worker-class", "gthread", "--threads", "4"),
    "gevent": (*FLAG, "--worker-class", "gevent"),
    "preload": (*FLAG, "--preload"),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "guarded.py").write_text(GUARDED)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS)
    return tmp_path


@pytest.fixture(params=sorted(KINDS))
def shop(request: pytest.FixtureRequest, site: Path) -> Iterator[Running]:
    with _serving(site, *KINDS[request.param]) as found:
        yield found


def _serving(site: Path, *options: str, app: str = "shop:app", store: str = "auto"):  # type: ignore[no-untyped-def]
    env = {"WSGI_GUARD_RATE_LIMIT__STORE": store}
    return running("gunicorn-sync", app, options=("--chdir", str(site), *options), folder=site, env=env)


def _codes(shop: Running, path: str, times: int, **headers: str) -> list[int]:
    def one(_: int) -> int:
        return shop.get(path, headers=headers).status

    with ThreadPoolExecutor(16) as threads:
        return list(threads.map(one, range(times)))


def test_all_workers_keep_one_limit(shop: Running) -> None:
    codes = _codes(shop, "/pages", 120)
    assert (codes.count(200), codes.count(429)) == (40, 80)


def test_parallel_logins_cannot_pass_the_limit(shop: Running) -> None:
    assert _codes(shop, "/login", 5, Password="right") == [200] * 5
    codes = _codes(shop, "/login", 40)
    assert (codes.count(401), codes.count(429)) == (6, 34)


def test_requests_in_flight_are_counted_over_all_workers(site: Path) -> None:
    with _serving(site, *KINDS["gthread"]) as shop:
        codes = _codes(shop, "/slow", 8)
        assert (codes.count(200), codes.count(429)) == (2, 6)
        assert _codes(shop, "/slow", 2) == [200, 200]


@pytest.mark.parametrize("kind", ["gthread", "gevent"])
def test_first_requests_of_all_workers_are_counted_in_redis(site: Path, redis_server: Redis, kind: str) -> None:
    with _serving(site, *KINDS[kind], store=redis_server.url) as shop:
        codes = _codes(shop, "/pages", 120)
        assert (codes.count(200), codes.count(429)) == (40, 80)
        assert "store is away" not in shop.log()


@pytest.mark.parametrize("options", [FLAG, (*FLAG, "--preload")])
def test_app_that_guards_itself_shares_too(site: Path, options: tuple[str, ...]) -> None:
    with _serving(site, *options, app="guarded:application") as shop:
        codes = _codes(shop, "/pages", 80)
        assert (codes.count(200), codes.count(429)) == (40, 40)


def test_counts_outlive_workers_and_reload(site: Path) -> None:
    with _serving(site, *FLAG) as shop:
        assert _codes(shop, "/pages", 30) == [200] * 30
        for _ in range(3):
            os.kill(int(shop.get("/").body), signal.SIGKILL)
        shop.send(signal.SIGHUP)
        shop.wait_log("Hang up")
        codes = _until_served(shop, 60)
        assert codes.count(200) <= 10


def _until_served(shop: Running, times: int) -> list[int]:
    found: list[int] = []
    for _ in range(times):
        try:
            found.append(shop.get("/pages").status)
        except (OSError, EOFError, AssertionError):
            # A worker that was killed while it held the connection.
            found.append(0)
    return found


def test_start_says_where_limits_are_counted(site: Path) -> None:
    with _serving(site, *FLAG) as shop:
        shop.wait_log("rate limits are counted in memory that 4 worker.s. share: no Redis URL is known")


def test_workers_without_the_hooks_are_warned(site: Path) -> None:
    with _serving(site, "--workers", "4", app="guarded:application") as shop:
        shop.get("/pages")
        shop.wait_log("each counts rate limits by itself")


def test_operator_sees_resets_and_blocks(shop: Running, site: Path) -> None:
    _codes(shop, "/pages", 60)
    assert _post(shop, "reset", {"rule": "pages", "key": "127.0.0.1"}) == 200
    codes = _codes(shop, "/pages", 60)
    assert codes.count(200) == 40
    assert _post(shop, "block", {"rule": "login", "key": "127.0.0.1", "duration": "5 minutes"}) == 200
    assert set(_codes(shop, "/login", 8, Password="right")) == {429}
    assert _post(shop, "unblock", {"rule": "login", "key": "127.0.0.1"}) == 200
    assert set(_codes(shop, "/login", 8, Password="right")) == {200}
    assert _post(shop, "reset", {"rule": "nobody", "key": "x"}) == 404
    assert _post(shop, "reset", {"rule": "pages"}) == 400
    assert _post(shop, "reset", {"rule": "pages", "key": "127.0.0.1"}, token="wrong") == 401


def test_status_tells_of_all_workers(site: Path) -> None:
    with _serving(site, *FLAG) as shop:
        _codes(shop, "/pages", 90)
        assert _post(shop, "block", {"rule": "login", "key": "127.0.0.1", "duration": "5 minutes"}) == 200
        assert set(_codes(shop, "/login", 20)) == {429}
        wanted = [("login", 20), ("pages", 50)]
        victim = int(shop.get("/").body)
        _wait_for(wanted, lambda: _denied_by_others(victim, site, shop))
        # What a worker has told outlives it.
        os.kill(victim, signal.SIGKILL)
        for _ in range(8):
            _wait_for(wanted, lambda: _denied(_status(site, shop)))
        assert {block["rule"] for block in _status(site, shop)["blocks"]} == {"login"}
        assert _post(shop, "unblock", {"rule": "login", "key": "127.0.0.1"}) == 200
        assert _status(site, shop)["blocks"] == []


def _status(site: Path, shop: Running) -> Any:
    try:
        return json.loads(_limits(site, shop, "status"))
    except ValueError:
        # A worker that was killed while it held the connection.
        return {"top_denied": []}


def _wait_for(wanted: object, ask: Callable[[], object]) -> None:
    deadline = monotonic() + 10
    while (found := ask()) != wanted:
        assert monotonic() < deadline, found
        sleep(0.02)


def _denied_by_others(victim: int, site: Path, shop: Running) -> list[tuple[str, int]]:
    """What the other workers know of, the one standing still."""
    os.kill(victim, signal.SIGSTOP)
    try:
        return _denied(_status(site, shop))
    finally:
        os.kill(victim, signal.SIGCONT)


def _denied(status: Any) -> list[tuple[str, int]]:
    return sorted((one["rule"], one["count"]) for one in status["top_denied"])


def test_status_shows_keys_only_when_asked(site: Path) -> None:
    with _serving(site, "-c", "python:wsgi_guard.gunicorn") as shop:
        _codes(shop, "/pages", 50)
        told = _limits(site, shop, "status")
        status = json.loads(told)
        (pages,) = [rule for rule in status["rules"] if rule["name"] == "pages"]
        assert (pages["denied"], status["store"]["name"]) == (10, "shared")
        assert status["top_denied"][0]["count"] == 10
        assert "127.0.0.1" not in told
        assert "127.0.0.1" in _limits(site, shop, "status", "--plain")


def test_command_line_acts_on_a_running_server(site: Path) -> None:
    with _serving(site, *FLAG) as shop:
        assert _limits(site, shop, "block", "pages", "127.0.0.1", "--for", "2 minutes") == "done\n"
        assert set(_codes(shop, "/pages", 8)) == {429}
        assert _limits(site, shop, "unblock", "pages", "127.0.0.1") == "done\n"
        assert set(_codes(shop, "/pages", 8)) == {200}
        assert "no rate limit rule of that name" in _limits(site, shop, "reset", "nobody", "127.0.0.1")


def _post(shop: Running, action: str, command: dict[str, str], token: str = TOKEN) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{shop.address[1]}/admin/rate-limits/{action}"
    try:
        with urlopen(Request(url, json.dumps(command).encode(), headers), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def _limits(site: Path, shop: Running, *arguments: str) -> str:
    command = [sys.executable, "-m", "wsgi_guard.cli", "limits", *arguments, "--url", f"http://127.0.0.1:{shop.address[1]}"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=site, env=env, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout or done.stderr
