"""Apps that set up Sentry by themselves, with all that its SDK turns on: each error is reported once, under its id."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.live.servers import ROOT

from .ingest import Receiver

# Each in a process of its own, for the SDK patches frameworks for good.
HEAD = """
import json, sys, warnings
warnings.simplefilter("ignore")
import sentry_sdk
from tests.capture.support import call
from tests.support.django_settings import configure_django
from wsgi_guard import Guard, capture_error

dsn, own, rate = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])
"""
INIT = """
sentry_sdk.init(dsn, traces_sample_rate=rate)
"""
TAIL = """
guard = Guard(app, {"capture": {"sentry_dsn": dsn}} if own else {}, only=())
for path in ("/boom", "/caught", "/fine"):
    answer = call(guard, path)
    print(path, answer.code, answer.error_id or "-", flush=True)
client = sentry_sdk.get_client()
client.flush(timeout=10)
if guard.stack.capture.sentry is not None:
    guard.stack.capture.sentry.flush(10)
"""
APPS = {
    "flask": """
from flask import Flask
app = Flask("shop")

@app.route("/boom")
def boom():
    raise RuntimeError("no stock")

@app.route("/caught")
def caught():
    try:
        raise KeyError("basket")
    except KeyError as error:
        return capture_error(error, "orders")

@app.route("/fine")
def fine():
    return "ok"
""",
    "django": """
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

def boom(request):
    raise RuntimeError("no stock")

def caught(request):
    try:
        raise KeyError("basket")
    except KeyError as error:
        return HttpResponse(capture_error(error, "orders"))

urls = [path("boom", boom), path("caught", caught), path("fine", lambda request: HttpResponse("ok"))]
configure_django(ROOT_URLCONF=tuple(urls))
app = get_wsgi_application()
""",
    "middleware": """
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

@SentryWsgiMiddleware
def app(environ, start_response):
    body = b"ok"
    if environ["PATH_INFO"] == "/boom":
        raise RuntimeError("no stock")
    if environ["PATH_INFO"] == "/caught":
        try:
            raise KeyError("basket")
        except KeyError as error:
            body = capture_error(error, "orders").encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
""",
}


@pytest.fixture
def ingest() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def run(name: str, ingest: Receiver, *, theirs: bool, own: bool, rate: float = 0.0) -> dict[str, tuple[str, str]]:
    """Path -> status and error id of what the app answered."""
    script = HEAD + (INIT if theirs else "") + APPS[name] + TAIL
    command = [sys.executable, "-c", script, ingest.dsn, json.dumps(own), str(rate)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("/")]
    return {path: (code, error_id) for path, code, error_id in rows}


@pytest.mark.parametrize(
    ("name", "own"), [(name, True) for name in APPS] + [("flask", False)], ids=[*APPS, "flask without a dsn of ours"]
)
def test_each_error_is_reported_once_under_its_id(name: str, own: bool, ingest: Receiver) -> None:
    answers = run(name, ingest, theirs=True, own=own)
    told = [(event["exception"]["values"][-1]["type"], event["event_id"]) for event in ingest.events]
    assert told[0] == ("RuntimeError", answers["/boom"][1])
    # What the app reports to the guard alone goes to Sentry where the guard has a DSN of its own.
    assert [kind for kind, _ in told] == ["RuntimeError"] + ["KeyError"] * own
    assert answers["/fine"] == ("200", "-")


def test_client_of_our_own_reports_once_and_sends_no_traces(ingest: Receiver) -> None:
    answers = run("flask", ingest, theirs=False, own=True)
    assert [event["exception"]["values"][-1]["type"] for event in ingest.events] == ["RuntimeError", "KeyError"]
    assert ingest.events[0]["event_id"] == answers["/boom"][1]
    assert b'"type":"transaction"' not in ingest.raw


def test_traces_are_the_users_own(ingest: Receiver) -> None:
    run("flask", ingest, theirs=True, own=True, rate=1.0)
    assert ingest.raw.count(b'"type":"transaction"') >= 3
    assert [event["exception"]["values"][-1]["type"] for event in ingest.events] == ["RuntimeError", "KeyError"]
