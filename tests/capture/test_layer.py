"""Capture around apps without a framework: what reaches the guard, what hides, what was meant, what breaks inside."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wsgi_guard import capture_error
from wsgi_guard.capture import layer as capture_layer
from wsgi_guard.errors import Outage, Refused
from wsgi_guard.facts import Facts, current
from wsgi_guard.guard import Guard

from .conftest import Lines
from .support import Answer, App, answering, call, guarded, raising


def here() -> Facts:
    facts = current()
    assert facts is not None
    return facts


def document(answer: Answer) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


def test_good_answers_leave_no_trace(lines: Lines) -> None:
    answer = call(guarded(answering("404 Not Found", b"none")))
    assert (answer.code, answer.body, answer.error_id) == (404, b"none", None)
    assert lines.records == []


def test_exception_becomes_500_with_its_id(lines: Lines) -> None:
    answer = call(guarded(raising(ValueError("secret=abc"))), HTTP_ACCEPT="application/json")
    [event] = lines.events
    assert answer.code == 500
    assert answer.error_id == event["id"] == document(answer)["error_id"]
    assert b"abc" not in answer.body
    assert b"ValueError" not in answer.body
    assert event["category"] == "programming"


def test_browser_gets_a_page(lines: Lines) -> None:
    answer = call(guarded(raising(ValueError("x"))), HTTP_ACCEPT="text/html,*/*;q=0.8")
    assert answer.body.startswith(b"<!doctype html>")
    assert str(answer.error_id).encode() in answer.body


@pytest.mark.parametrize("made", [list, iter], ids=["list", "iterator"])
def test_body_without_a_head_is_an_event(made: Any, lines: Lines) -> None:
    # No linter: it would say so before the guard does.
    guard = Guard(lambda environ, start_response: made([b"x"]), {}, only=())
    body: Any = guard({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, raising(RuntimeError()))
    assert list(body) == [b"x"]
    if made is iter:
        body.close()
    assert [event["message"] for event in lines.events] == ["the app gave a body and never called start_response"]


def test_log_that_fails_keeps_no_event_from_the_others(lines: Lines) -> None:
    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("a filter of the user's")

    log, guard = logging.getLogger("wsgi_guard.errors"), Guard(raising(ValueError("x")), {}, only=())
    log.addFilter(broken)
    try:
        answer = call(guard)
    finally:
        log.removeFilter(broken)
    [group] = guard.stack.capture.ledger.stats()["top"]
    assert (answer.code, group["last_id"]) == (500, answer.error_id)
    assert str(answer.error_id) in lines.failures[0]


def test_500_without_cause_is_an_event(lines: Lines) -> None:
    answer = call(guarded(answering("503 Service Unavailable", b"closed for repairs")))
    [event] = lines.events
    assert (answer.code, answer.body) == (503, b"closed for repairs")
    assert (event["message"], event["severity"]) == ("response 503, cause unseen", "WARNING")
    assert answer.error_id == event["id"]


def test_503_of_the_guard_itself_is_no_event(tmp_path: Path, lines: Lines) -> None:
    (tmp_path / "drain").touch()
    guard = Guard(answering(), {"guard": {"drain_file": str(tmp_path / "drain")}}, only=("health",))
    answer = call(guard, "/readyz")
    assert (answer.code, answer.error_id, lines.events) == (503, None, [])


def test_exc_info_of_start_response_is_the_cause(lines: Lines) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        try:
            raise KeyError("cart")
        except KeyError as error:
            info = (type(error), error, error.__traceback__)
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")], info)
        return [b"own page"]

    answer = call(guarded(app))
    [event] = lines.events
    assert (answer.body, event["type"], answer.error_id) == (b"own page", "KeyError", event["id"])


def test_one_object_seen_thrice_is_one_event(lines: Lines) -> None:
    error = ValueError("x")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        told = capture_error(error, "orders")
        assert capture_error(error, "orders") == told
        logging.getLogger("shop").error("failed", exc_info=error)
        try:
            raise error
        except ValueError:
            logging.getLogger("shop").exception("again")
            raise

    answer = call(guarded(app))
    [event] = lines.events
    assert (event["service"], event["id"]) == ("orders", answer.error_id)


def test_logged_then_wrapped_is_one_event(lines: Lines) -> None:
    def fail() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            logging.getLogger("shop").exception("logged")
            raise RuntimeError("second") from error

    call(guarded(answering(before=fail)))
    [event] = lines.events
    assert (event["type"], event["causes"][0]["type"]) == ("RuntimeError", "KeyError")


def test_mistake_while_handling_is_an_event_of_its_own(lines: Lines) -> None:
    def fail() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            logging.getLogger("shop").exception("logged")
            raise RuntimeError("second")  # noqa: B904  (the point: not raised from it)

    answer = call(guarded(answering(before=fail)))
    assert [event["type"] for event in lines.events] == ["RuntimeError", "KeyError"]
    assert answer.error_id == lines.events[0]["id"]


def test_error_after_the_first_byte_is_an_event(lines: Lines) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        call(Guard(app, {}, only=()))
    assert [event["message"] for event in lines.events] == ["midway"]


def test_error_of_close_is_an_event(lines: Lines) -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a", b"b"])

        def close(self) -> None:
            raise ValueError("closing")

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body()

    with pytest.raises(ValueError, match="closing"):
        call(Guard(app, {}, only=()))
    assert [event["message"] for event in lines.events] == ["closing"]


def test_raise_mode_records_and_hands_on(lines: Lines) -> None:
    with pytest.raises(ValueError, match="x"):
        call(guarded(raising(ValueError("x")), on_error="raise"))
    assert [event["type"] for event in lines.events] == ["ValueError"]


def test_refusal_is_no_event(lines: Lines) -> None:
    answer = call(guarded(raising(Refused(401, "who", headers=(("WWW-Authenticate", "Bearer"),)))))
    assert (answer.code, answer.header("WWW-Authenticate"), answer.error_id) == (401, "Bearer", None)
    assert lines.events == []
    [audit] = lines.audits
    decision_id = f"{audit['request_id']}-1"
    assert audit["decisions"] == [{"id": decision_id, "layer": "app", "verdict": "deny", "rule": "", "reason": "who"}]


def test_refusal_wrapped_by_the_app_is_meant(lines: Lines) -> None:
    def fail() -> None:
        try:
            raise Refused(403, "no")
        except Refused as refusal:
            here().note(refusal)
            raise RuntimeError("wrapped") from refusal

    answer = call(guarded(answering(before=fail)))
    assert (answer.code, lines.events) == (403, [])


def test_mistake_behind_a_refusal_is_told(lines: Lines) -> None:
    def fail() -> None:
        try:
            raise Refused(403, "no")
        except Refused as refusal:
            here().note(refusal)
            here().missing()  # type: ignore[attr-defined]

    answer = call(guarded(answering(before=fail)))
    [event] = lines.events
    assert (answer.code, event["type"], answer.error_id) == (403, "AttributeError", event["id"])


class Lost(Exception):
    """A driver's error."""


Lost.__module__ = "psycopg"


def outage(inner: BaseException) -> None:
    here().note(Outage("pool 'main'", retry_after=9), inner)
    raise inner


def test_outage_is_503_and_its_cause_an_event(lines: Lines) -> None:
    answer = call(guarded(answering(before=lambda: outage(Lost("gone")))))
    [event] = lines.events
    assert (answer.code, answer.header("Retry-After")) == (503, "9")
    assert (event["category"], event["type"]) == ("database", "psycopg.Lost")
    assert answer.error_id == event["id"] == document(answer)["error_id"]


def test_wrapped_outage_is_one_event(lines: Lines) -> None:
    def fail() -> None:
        try:
            outage(Lost("gone"))
        except Lost as error:
            logging.getLogger("shop").exception("no database")
            raise RuntimeError("cannot list") from error

    answer = call(guarded(answering(before=fail)))
    assert (answer.code, [event["type"] for event in lines.events]) == (503, ["psycopg.Lost"])


def test_outage_raised_by_itself_is_on_record(lines: Lines) -> None:
    answer = call(guarded(raising(Outage("pool 'main'"))))
    assert (answer.code, lines.events) == (503, [])
    assert lines.audits[0]["decisions"][0]["reason"] == "pool 'main' is not available"


def test_app_page_over_an_outage_is_replaced(lines: Lines) -> None:
    def hide() -> None:
        with contextlib.suppress(Lost):
            outage(Lost("gone"))

    answer = call(guarded(answering("500 Internal Server Error", b"own page", before=hide)))
    assert (answer.code, b"own page" in answer.body) == (503, False)


def test_audit_tells_all_decisions_in_one_line(lines: Lines) -> None:
    def decide() -> None:
        here().decide("validation", "shadow", "sqli", "query\nq")
        here().decide("rate_limit", "degraded")

    call(guarded(answering(before=decide)), "/a\nb", REMOTE_ADDR="192.0.2.1")
    [record] = lines.records
    [audit] = lines.audits
    assert (record.levelname, record.name) == ("INFO", "wsgi_guard.audit")
    assert record.getMessage() == (
        r"GET /a\nb from 192.0.2.1: shadow by validation sqli (query\nq); degraded by rate_limit"
    )
    assert (audit["status"], len(audit["decisions"])) == (200, 2)


def test_endless_decisions_are_cut(lines: Lines) -> None:
    def decide() -> None:
        for number in range(1000):
            here().decide("rate_limit", "deny", f"rule {number}")

    call(guarded(answering(before=decide)))
    assert len(lines.audits[0]["decisions"]) == 50
    assert lines.records[0].levelname == "WARNING"


def test_flood_of_logged_errors_is_bounded(lines: Lines) -> None:
    def fail() -> None:
        for number in range(200):
            logging.getLogger("shop").error("failed", exc_info=ValueError(number))

    call(guarded(answering(before=fail)))
    assert len(lines.events) == 50
    assert lines.audits[0]["decisions"][0]["reason"].startswith("150 more exceptions")


def test_nothing_of_a_request_outlives_it(lines: Lines) -> None:
    class Held(Exception):
        pass

    kept: list[weakref.ref[Any]] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        error = Held("x")
        kept.append(weakref.ref(error))
        raise error

    guard = Guard(app, {}, only=())
    call(guard)
    gc.collect()
    assert [ref() for ref in kept] == [None]


def test_nested_guard_leaves_errors_to_the_outer(lines: Lines) -> None:
    inner = Guard(raising(ValueError("x")), {}, only=())
    answer = call(guarded(inner))
    [event] = lines.events
    assert answer.error_id == event["id"]


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_leaving_worker_is_no_event(error: BaseException, lines: Lines) -> None:
    with pytest.raises(type(error)):
        call(Guard(raising(error), {}, only=()))
    assert lines.records == []


def test_failing_log_handler_fails_no_request(lines: Lines) -> None:
    class Refusing(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("filter")

    refusing = Refusing()
    logger = logging.getLogger("wsgi_guard.errors")
    logger.addFilter(refusing)
    try:
        answer = call(guarded(raising(ValueError("x"))))
    finally:
        logger.removeFilter(refusing)
    assert (answer.code, len(str(answer.error_id))) == (500, 32)
    assert lines.failures[0].startswith("capture failed while logging error")


def test_failing_failure_log_fails_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    class Refusing(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("handler")

    logger, refusing = logging.getLogger("wsgi_guard"), Refusing()
    logger.addHandler(refusing)
    try:
        assert call(guarded(raising(ValueError("x")))).code == 500
    finally:
        logger.removeHandler(refusing)


def test_names_of_the_settings_are_redacted(lines: Lines) -> None:
    call(guarded(raising(ValueError("iban=DE12")), redact=["iban"]))
    assert lines.events[0]["message"] == "iban=[redacted]"


@pytest.fixture
def no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_layer, "_started", None)


def test_error_outside_requests_is_logged(no_guard: None, lines: Lines) -> None:
    error_id = capture_error(ValueError("x"), "nightly", severity="critical", context={"job": 7, "token": "abc"})
    [event] = lines.events
    assert (event["id"], event["service"], event["severity"]) == (error_id, "nightly", "CRITICAL")
    assert event["context"] == {"job": 7, "token": "[redacted]"}
    assert "request" not in event


def test_reported_refusal_is_no_event(no_guard: None, lines: Lines) -> None:
    assert capture_error(Refused(403, "no"), "x") == ""
    assert lines.records == []


def test_reported_error_leaves_a_good_answer_alone(lines: Lines) -> None:
    app: App = guarded(answering(before=lambda: capture_error(ValueError("x"), "mail")))
    answer = call(app)
    assert (answer.code, answer.error_id, len(lines.events)) == (200, None, 1)
    assert lines.events[0]["request"]["path"] == "/"


def test_reporting_nonsense_never_raises(no_guard: None, lines: Lines) -> None:
    wrong: Any = "not an exception"
    assert len(capture_error(wrong, wrong, wrong, wrong)) == 32
