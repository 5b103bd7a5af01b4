"""Log records as a source of hidden exceptions, and modules that are loaded late, half or twice."""

from __future__ import annotations

import logging
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from wsgi_guard.capture import sources

from .conftest import Lines
from .support import answering, call, guarded


@pytest.fixture
def quiet() -> Iterator[logging.Logger]:
    """A logger that tells nobody."""
    logger = logging.getLogger("shop.quiet")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def test_logged_exception_explains_a_500(quiet: logging.Logger, lines: Lines) -> None:
    def fail() -> None:
        try:
            raise ValueError("hidden")
        except ValueError:
            quiet.exception("handled")

    answer = call(guarded(answering("500 Internal Server Error", b"own page", before=fail)))
    [event] = lines.events
    assert (answer.body, event["message"], answer.error_id) == (b"own page", "hidden", event["id"])


def test_logged_exception_is_an_event_of_a_good_answer(quiet: logging.Logger, lines: Lines) -> None:
    answer = call(guarded(answering(before=lambda: quiet.error("failed", exc_info=ValueError("x")))))
    assert (answer.code, answer.error_id, len(lines.events)) == (200, None, 1)


def test_other_records_are_no_events(quiet: logging.Logger, lines: Lines) -> None:
    def log() -> None:
        quiet.warning("low", exc_info=ValueError("x"))
        quiet.error("no exception")
        quiet.error("none active", exc_info=True)
        logging.getLogger("wsgi_guard.other").error("ours", exc_info=ValueError("x"))

    call(guarded(answering(before=log)))
    assert lines.events == []


def test_records_outside_requests_are_no_events(quiet: logging.Logger, lines: Lines) -> None:
    call(guarded(answering()))
    quiet.error("failed", exc_info=ValueError("x"))
    assert lines.events == []


def test_records_of_other_threads_are_not_of_this_request(quiet: logging.Logger, lines: Lines) -> None:
    def log() -> None:
        thread = threading.Thread(target=quiet.error, args=("failed",), kwargs={"exc_info": ValueError("x")})
        thread.start()
        thread.join()

    call(guarded(answering(before=log)))
    assert lines.events == []


def test_factory_of_the_user_is_chained(monkeypatch: pytest.MonkeyPatch) -> None:
    before = logging.getLogRecordFactory()

    def theirs(*args: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **options)
        record.shop = "yes"
        return record

    monkeypatch.setattr(sources, "_records_watched", False)
    logging.setLogRecordFactory(theirs)
    try:
        sources.watch_records()
        watched = logging.getLogRecordFactory()
        sources.watch_records()
        assert logging.getLogRecordFactory() is watched
        record = logging.getLogger("shop").makeRecord("shop", logging.ERROR, "f", 1, "m", (), None)
        assert vars(record)["shop"] == "yes"
    finally:
        logging.setLogRecordFactory(before)


class Signal:
    """As blinker's: connecting one receiver twice is connecting it once."""

    def __init__(self) -> None:
        self.receivers: set[Any] = set()

    def connect(self, receiver: Any, weak: bool = True) -> None:
        self.receivers.add(receiver)


def test_half_imported_module_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("flask")
    monkeypatch.setitem(sys.modules, "flask", module)
    monkeypatch.delitem(sources._connected, "flask", raising=False)
    sources.connect()
    assert "flask" not in sources._connected
    module.got_request_exception = Signal()
    sources.connect()
    sources.connect()
    assert len(module.got_request_exception.receivers) == 1


def test_framework_loaded_late_is_found(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    monkeypatch.delitem(sys.modules, "flask", raising=False)
    monkeypatch.delitem(sources._connected, "flask", raising=False)
    module: Any = types.ModuleType("flask")
    module.got_request_exception = Signal()

    def load() -> None:
        monkeypatch.setitem(sys.modules, "flask", module)

    app = guarded(answering(before=load))
    assert module.got_request_exception.receivers == set()
    call(app)
    assert len(module.got_request_exception.receivers) == 1


def test_framework_loaded_after_many_requests_is_found_by_a_500(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    monkeypatch.delitem(sys.modules, "flask", raising=False)
    monkeypatch.delitem(sources._connected, "flask", raising=False)
    app = guarded(answering("500 Internal Server Error"))
    for _ in range(20):
        call(app)
    module: Any = types.ModuleType("flask")
    module.got_request_exception = Signal()
    monkeypatch.setitem(sys.modules, "flask", module)
    call(app)
    assert len(module.got_request_exception.receivers) == 1
