"""Sentry: what a real HTTP receiver gets, once per error and under its id, and that its absence harms nobody."""

from __future__ import annotations

import atexit
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

from tests.health.ticking import until
from tests.live.servers import ROOT
from wsgi_guard import capture_error
from wsgi_guard.capture import sources
from wsgi_guard.capture.lines import log_failure
from wsgi_guard.capture.sentry import check_dsn
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.guard import Guard
from wsgi_guard.redact import Redactor
from wsgi_guard.reports import Unproved
from wsgi_guard.settings.secret import Secret

from .alerts.making import event
from .conftest import Lines
from .ingest import Receiver
from .support import answering, call, raising


@pytest.fixture
def ingest() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def dsn(ingest: Receiver) -> str:
    return ingest.dsn


def flush(guard: Guard) -> None:
    client = guard.stack.capture.sentry._client  # type: ignore[union-attr]
    client.flush(timeout=5)


def made(app: Any, dsn: str) -> Guard:
    return Guard(app, {"capture": {"sentry_dsn": dsn}}, only=())


@pytest.fixture
def theirs(ingest: Receiver) -> Iterator[sentry_sdk.client.BaseClient]:
    """An app's own client, as `sentry_sdk.init` leaves it; the scopes are put back afterwards."""
    before = sentry_sdk.get_global_scope().client
    sentry_sdk.init(
        dsn=ingest.dsn, default_integrations=False, integrations=[LoggingIntegration()], server_name="theirs"
    )
    sources._connected.pop("sentry_sdk", None)
    yield sentry_sdk.get_client()
    sentry_sdk.get_client().close(timeout=1)
    sentry_sdk.get_global_scope().set_client(before)


def test_id_that_looks_like_a_card_number_arrives_whole(ingest: Receiver, dsn: str) -> None:
    guard = made(raising(ValueError("boom")), dsn)
    client = guard.stack.capture.sentry
    assert client is not None
    # Its first fifteen digits are those of a payment card.
    number = "414750136940327c7db3d840ba97b6bd"
    client.send(event(id=number, request={"id": number, "method": "GET", "path": "/"}), ValueError("boom"), Redactor())
    flush(guard)
    [told] = ingest.events
    assert (told["event_id"], told["tags"]["request_id"]) == (number, number)


def test_error_arrives_under_its_id(ingest: Receiver, dsn: str, lines: Lines) -> None:
    guard = made(raising(ValueError("boom")), dsn)
    answer = call(guard, "/orders/7", QUERY_STRING="q=1")
    flush(guard)
    [event] = ingest.events
    assert event["event_id"] == answer.error_id
    assert event["exception"]["values"][0]["type"] == "ValueError"
    assert event["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "fail"
    assert event["request"] == {"method": "GET", "url": "/orders/7"}
    assert (event["transaction"], event["transaction_info"]) == ("/orders/7", {"source": "url"})
    assert event["tags"]["category"] == "programming"
    assert event["tags"]["request_id"] == lines.events[0]["request"]["id"]
    assert guard.stack.capture.report() is None


def test_no_secret_and_no_local_is_sent(ingest: Receiver, dsn: str) -> None:
    def fail() -> None:
        hidden = "xyzzy-local"
        capture_error(ValueError("x"), "s", context={"api_key": "xyzzy-context"})
        try:
            raise KeyError("postgres://app:xyzzy-url@db/shop")
        except KeyError as error:
            raise ValueError("password=xyzzy-field", len(hidden)) from error

    guard = made(answering(before=fail), dsn)
    call(
        guard,
        "/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.xyzzy",
        QUERY_STRING="token=xyzzy-query",
        HTTP_COOKIE="a=xyzzy-cookie",
    )
    flush(guard)
    assert len(ingest.events) == 2
    assert b"xyzzy" not in ingest.raw.replace(b'hidden = \\"xyzzy-local\\"', b"")


def test_answer_without_cause_is_a_message(ingest: Receiver, dsn: str) -> None:
    guard = made(answering("503 Service Unavailable"), dsn)
    answer = call(guard)
    flush(guard)
    [event] = ingest.events
    assert (event["message"], event["level"]) == ("response 503, cause unseen", "warning")
    assert event["event_id"] == answer.error_id


def test_configured_sentry_is_not_known_to_work(ingest: Receiver, dsn: str) -> None:
    guard = made(raising(ValueError("x")), dsn)
    assert isinstance(guard.stack.capture.report(), Unproved)
    call(guard)
    flush(guard)
    assert guard.stack.capture.report() is None


def test_refusing_receiver_is_reported(ingest: Receiver, dsn: str) -> None:
    ingest.status = 500
    guard = made(raising(ValueError("x")), dsn)
    assert call(guard).code == 500
    flush(guard)
    assert str(guard.stack.capture.report()).startswith("sentry: 1 events lost")


def test_absent_receiver_is_reported_and_harmless(ingest: Receiver, lines: Lines) -> None:
    port = ingest.server_port
    ingest.close()
    guard = made(raising(ValueError("x")), f"http://key@127.0.0.1:{port}/42")
    answer = call(guard)
    flush(guard)
    assert (answer.code, len(lines.events)) == (500, 1)
    assert "network_error" in str(guard.stack.capture.report())


def test_broken_sdk_is_reported_and_harmless(ingest: Receiver, monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    guard = made(raising(ValueError("x")), ingest.dsn)
    monkeypatch.setattr(sentry_sdk, "get_client", None)
    assert call(guard).code == 500
    assert "internal_error" in str(guard.stack.capture.report())
    assert len(lines.failures) == 1


IMPORTING = """
import sys, threading
from importlib.abc import MetaPathFinder
from tests.capture.support import call, raising
from wsgi_guard import Guard

asked, gate = threading.Event(), threading.Event()

class Slow(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "sentry_sdk":
            asked.set()
            gate.wait(20)

sys.meta_path.insert(0, Slow())
guard = Guard(raising(ValueError("x")), {"capture": {"sentry_dsn": sys.argv[1]}}, only=())
print(*(call(guard).error_id for _ in range(3)), asked.wait(20), "sentry_sdk" in sys.modules)
gate.set()
"""


def test_no_request_waits_for_the_import_of_the_sdk(ingest: Receiver, dsn: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, dsn], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    *ids, asked, imported = done.stdout.split()
    assert (len(ids), asked, imported) == (3, "True", "False"), done.stderr
    assert [event["event_id"] for event in ingest.events] == ids


def test_broken_import_of_the_sdk_leaves_nothing_behind(
    ingest: Receiver, dsn: str, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sentry_sdk"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Without(), *sys.meta_path])
    guard, before = made(raising(ValueError("x")), dsn), atexit._ncallbacks()
    for number in range(1, 6):
        call(guard)
        until(lambda: f"{number} internal_error" in str(guard.stack.capture.report()))  # noqa: B023
        until(lambda: not any(thread.name == "wsgi_guard-sentry" for thread in threading.enumerate()))
    assert atexit._ncallbacks() - before == 1


class Without(MetaPathFinder):
    """An interpreter whose Sentry SDK is broken."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == "sentry_sdk":
            raise ImportError(name)


def test_client_of_the_app_is_used(ingest: Receiver, theirs: sentry_sdk.client.BaseClient, dsn: str) -> None:
    guard = made(raising(ValueError("x")), dsn)
    answer = call(guard)
    theirs.flush(timeout=5)
    [event] = ingest.events
    assert event["server_name"] == "theirs"
    assert event["event_id"] == answer.error_id
    assert guard.stack.capture.sentry._client is None  # type: ignore[union-attr]


def test_client_of_the_app_is_not_told_that_telling_it_failed(
    ingest: Receiver, theirs: sentry_sdk.client.BaseClient, dsn: str
) -> None:
    call(made(raising(ValueError("x")), dsn))
    try:
        raise ValueError("no words for it")
    except ValueError as failure:
        log_failure("redacting a report to sentry", failure)
    theirs.flush(timeout=5)
    assert [event["logger"] for event in ingest.events] == ["wsgi_guard.errors"]


@pytest.mark.parametrize("own_dsn", [True, False])
def test_error_that_the_app_sent_is_sent_once(
    own_dsn: bool, ingest: Receiver, theirs: sentry_sdk.client.BaseClient, dsn: str, lines: Lines
) -> None:
    error = ValueError("x")

    def fail() -> None:
        logging.getLogger("shop").error("failed", exc_info=error)
        raise error

    guard = made(answering(before=fail), dsn) if own_dsn else Guard(answering(before=fail), {}, only=())
    answer = call(guard)
    theirs.flush(timeout=5)
    [event] = ingest.events
    assert (event["logger"], len(lines.events)) == ("shop", 1)
    assert event["event_id"] == answer.error_id == lines.events[0]["id"]


def test_what_the_client_of_the_app_reports_has_no_secrets(
    ingest: Receiver, theirs: sentry_sdk.client.BaseClient, lines: Lines
) -> None:
    def fail() -> None:
        logging.getLogger("shop").warning("asked with planted-in-the-query and password=planted-in-a-text")
        scope = sentry_sdk.get_current_scope()
        # As integrations do, which add what they know of the request when the event is there.
        scope.add_event_processor(lambda event, hint: {**event, "request": {"query_string": "token=planted"}})
        sentry_sdk.set_extra("sent", {"api_key": "planted-in-a-field"})
        sentry_sdk.set_context("cart", {"of": "planted-in-the-query"})
        error = ValueError("planted-in-the-query is no good")
        error.__cause__ = ValueError("postgres://app:planted-in-a-url@db/shop")
        logging.getLogger("shop").error("failed with planted-in-the-query", exc_info=error)

    with sentry_sdk.new_scope():
        call(Guard(answering(before=fail), {}, only=()), QUERY_STRING="token=planted-in-the-query")
    theirs.flush(timeout=5)
    [event] = ingest.events
    assert "planted" not in json.dumps({**event, "exception": _without_lines(event["exception"])})
    assert any(crumb["message"].startswith("asked with [redacted]") for crumb in event["breadcrumbs"]["values"])


def test_locals_beside_a_message_of_the_app_have_no_secrets(
    ingest: Receiver, theirs: sentry_sdk.client.BaseClient
) -> None:
    theirs.options["attach_stacktrace"] = True

    def tell(asked: str = "planted-in-the-query") -> None:
        sentry_sdk.capture_message("went wrong", level="error")

    with sentry_sdk.new_scope():
        call(Guard(answering(before=tell), {}, only=()), QUERY_STRING="token=planted-in-the-query")
    theirs.flush(timeout=5)
    [event] = ingest.events
    frames = event["threads"]["values"][0]["stacktrace"]["frames"]
    assert [frame["vars"]["asked"] for frame in frames if frame["function"] == "tell"] == ["'[redacted]'"]


def _without_lines(exception: Any) -> Any:
    """The sources of this test name what it planted."""
    for value in exception["values"]:
        value["stacktrace"] = None
    return exception


BAD = [
    "",
    "x",
    "https://sentry.example/1",
    "ftp://key@host/1",
    "https://key@host/",
    "https://key@host/name",
    "https://key@h:x/1",
]


@pytest.mark.parametrize("text", BAD)
def test_wrong_dsn_stops_the_start(text: str) -> None:
    with pytest.raises(ConfigurationError, match="sentry_dsn must look like") as caught:
        check_dsn(Secret(text))
    assert text == "" or f" {text}" not in str(caught.value)


def test_sdk_is_not_loaded_before_the_first_error() -> None:
    code = (
        "import sys; from wsgi_guard.guard import Guard\n"
        "settings = {'capture': {'sentry_dsn': 'http://k@h/1'}}\n"
        "guard = Guard(lambda environ, start: start('200 OK', []) and [], settings, only=())\n"
        "guard({}, lambda s, h, e=None: print)\n"
        "print('sentry_sdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
