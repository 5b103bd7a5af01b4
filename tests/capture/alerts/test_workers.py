"""Several workers and hosts: few messages, exact counts; whatever ends a process, another goes on with its alerts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from time import monotonic

import pytest

from tests.live.servers import ROOT, Running, running
from tests.support.redis import Redis

from .making import kinds
from .receivers import Hook, hanging

pytestmark = pytest.mark.live

APP = "tests.capture.alerts.failing:app"
QUIET = {"WSGI_GUARD_LOG__ACCESS": "false"}


def options(workers: int, *more: str) -> list[str]:
    return ["--workers", str(workers), "-c", "python:wsgi_guard.gunicorn", *more]


def to(hook: Hook, **more: str) -> dict[str, str]:
    return {"WSGI_GUARD_ALERTS__WEBHOOK__URL": hook.url, **QUIET, **more}


def flood(sites: Sequence[Running], count: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda at: sites[at % len(sites)].get("/fails").status, range(count)))
    assert codes == [500] * count


def check(told: list[tuple[str, int, int]], count: int) -> None:
    """One first, at most three in all, and together they have every error exactly once."""
    assert [kind for kind, _, _ in told].count("first") == 1
    assert len(told) <= 3
    assert sum(part for _, part, _ in told) == count
    assert told[-1][2] == count


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent"])
def test_flood_of_four_workers_is_three_messages_with_exact_counts(hook: Hook, server: str) -> None:
    with running(server, APP, options=options(4), env=to(hook)) as site:
        flood([site], 400)
        site.stop()
    check(kinds(hook.inbox.now()), 400)


def test_two_hosts_on_one_redis_are_one_fleet(hook: Hook, redis_server: Redis) -> None:
    env = to(hook, REDIS_URL=redis_server.url)
    with ExitStack() as stack:
        sites = [
            stack.enter_context(running("gunicorn-sync", APP, options=options(2), env=env)) for _ in range(2)
        ]
        flood(sites, 300)
        assert kinds(hook.inbox.wait(1))[0][0] == "first"
        for site in sites:
            site.stop()
    check(kinds(hook.inbox.now()), 300)


@pytest.mark.parametrize("workers", [1, 3])
def test_message_of_a_killed_worker_is_sent_by_another(hook: Hook, workers: int) -> None:
    hook.status = 503
    with running("gunicorn-sync", APP, options=options(workers), env=to(hook)) as site:
        answer = site.get("/fails")
        [(_, tried, _), *_] = hook.refused.wait(1)
        os.kill(tried["alerts"][0]["event"]["pid"], signal.SIGKILL)
        hook.status = 200
        [(_, told, _)] = hook.inbox.wait(1, 15)
        assert told["id"] == tried["id"]
        assert told["alerts"][0]["error_id"] == answer.get("X-Error-ID")
        assert kinds(hook.inbox.now()) == [("first", 1, 1)]


def test_message_of_a_worker_that_was_reloaded_is_sent(hook: Hook) -> None:
    hook.status = 503
    with running("gunicorn-sync", APP, options=options(2), env=to(hook)) as site:
        site.get("/fails")
        [(_, tried, _), *_] = hook.refused.wait(1)
        site.send(signal.SIGHUP)
        site.wait_log("Handling signal: hup")
        hook.status = 200
        [(_, told, _)] = hook.inbox.wait(1, 15)
        assert told["id"] == tried["id"]


def test_master_sends_what_its_workers_left(hook: Hook) -> None:
    hook.status = 503
    with running("gunicorn-sync", APP, options=options(2), env=to(hook, WSGI_GUARD_ALERTS__FLUSH="4")) as site:
        site.get("/fails")
        [(_, tried, _), *_] = hook.refused.wait(1)
        site.send(signal.SIGTERM)
        for pid in site.family():
            if pid != site.pid:
                os.kill(pid, signal.SIGKILL)
        hook.status = 200
        [(_, told, _)] = hook.inbox.wait(1, 15)
        assert told["id"] == tried["id"]


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gevent"])
def test_worker_that_hung_is_told_when_gunicorn_ends_it(hook: Hook, server: str) -> None:
    env = to(hook, WSGI_GUARD_CAPTURE__EXITS="errors")
    with running(server, APP, options=options(1, "--timeout", "1"), env=env) as site, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(site.get, "/spins")
        taken = hook.inbox.wait(1, 15)
        asked.exception(10)
    [event] = [one["event"] for _, told, _ in taken for one in told["alerts"]]
    assert (event["type"], event["request"]["path"]) == ("SystemExit", "/spins")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_hanging_mail_server_holds_up_the_end_by_the_flush_at_most(number: signal.Signals) -> None:
    listener = hanging()
    env = {
        **QUIET, "WSGI_GUARD_ALERTS__EMAIL__SERVER": "127.0.0.1", "WSGI_GUARD_ALERTS__FLUSH": "1",
        "WSGI_GUARD_ALERTS__EMAIL__PORT": str(listener.getsockname()[1]),
        "WSGI_GUARD_ALERTS__EMAIL__SENDER": "a@b.example", "WSGI_GUARD_ALERTS__EMAIL__RECIPIENTS": '["c@d.example"]',
    }  # fmt: skip
    with running("gunicorn-sync", APP, options=options(2), env=env) as site:
        error_id = site.get("/fails").get("X-Error-ID")
        held, _ = listener.accept()
        began = monotonic()
        site.send(number)
        site.ended()
        # For gunicorn itself, which takes 0.8 on a machine at rest, what is left of the mail server's five seconds.
        assert monotonic() - began < 1 + 3.5
        assert f"error ids: {error_id}" in site.log()
        held.close()
    listener.close()


SCRIPT = """
import sys, time
from wsgi_guard import Guard, capture_error
from tests.capture.alerts.failing import app
guard = Guard(app, {"alerts": {"webhook": {"url": sys.argv[1]}}, "health": {}, "rate_limit": {"store": "memory"}})
guard.begin()
capture_error(ValueError("at the very end"), "job", "CRITICAL")
print("ready", flush=True)
while sys.argv[2] == "waits":
    # In pieces: a signal that comes just before a sleep is seen after it.
    time.sleep(0.05)
"""


HANGING = """
from wsgi_guard import Guard, capture_error
from tests.capture.alerts.failing import app
guard = Guard(app, {"health": {}, "rate_limit": {"store": "memory"}})
guard.begin()
capture_error(ValueError("at the very end"), "job", "CRITICAL")
print("ready", flush=True)
"""


@pytest.mark.parametrize("how", ["leaves", "waits"])
def test_process_without_gunicorn_flushes_at_exit_and_sigterm(hook: Hook, how: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, hook.url, how], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        if how == "waits":
            child.terminate()
        assert child.wait(10) == (-signal.SIGTERM if how == "waits" else 0)
    assert kinds(hook.inbox.now()) == [("first", 1, 1)]


def test_mail_server_and_sentry_that_hang_share_one_flush() -> None:
    with closing(hanging()) as mail, closing(hanging()) as sentry:
        env = os.environ | {
            "WSGI_GUARD_ALERTS__EMAIL__SERVER": "127.0.0.1", "WSGI_GUARD_ALERTS__FLUSH": "2",
            "WSGI_GUARD_ALERTS__EMAIL__PORT": str(mail.getsockname()[1]),
            "WSGI_GUARD_ALERTS__EMAIL__SENDER": "a@b.example",
            "WSGI_GUARD_ALERTS__EMAIL__RECIPIENTS": '["c@d.example"]',
            "WSGI_GUARD_CAPTURE__SENTRY_DSN": f"http://key@127.0.0.1:{sentry.getsockname()[1]}/1",
        }  # fmt: skip
        child = subprocess.Popen([sys.executable, "-c", HANGING], cwd=ROOT, env=env, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)  # fmt: skip
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            began = monotonic()
            assert child.wait(20) == 0
            # Each has something to send until the flush is over; one after the other they would take twice as long.
            assert 1.9 < monotonic() - began < 3.8
