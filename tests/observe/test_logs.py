"""JSON lines: one per record whatever is in it; and the output that is there only when nobody set up logging."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.observe.logs import Fallback, JsonFormatter, ensure_output


def record(message: Any = "m", *args: Any, level: int = logging.INFO, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("wsgi_guard.x", level, "file", 1, message, args, more.pop("exc_info", None))
    vars(made).update(more)
    return made


def line(made: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormatter().format(made)
    assert len(text.splitlines()) == 1
    return json.loads(text)  # type: ignore[no-any-return]


def test_line_tells_when_and_what() -> None:
    made = record("hello %s", "you", level=logging.WARNING, audit={"request_id": "r1", "path": "/"})
    made.created = 1_700_000_000.25
    assert line(made) == {
        "time": "2023-11-14T22:13:20.250000+00:00",
        "level": "WARNING",
        "logger": "wsgi_guard.x",
        "message": "hello you",
        "request_id": "r1",
        "audit": {"request_id": "r1", "path": "/"},
    }


def test_event_brings_its_request_id_and_traceback() -> None:
    made = record(event={"id": "e", "traceback": "Traceback", "request": {"id": "r2"}}, exc_text="Traceback")
    told = line(made)
    assert (told["request_id"], told["event"]["traceback"]) == ("r2", "Traceback")
    assert "traceback" not in told


def test_traceback_of_other_records_is_redacted() -> None:
    try:
        raise ValueError("password=abc")
    except ValueError:
        told = line(record(exc_info=sys.exc_info()))
    assert told["traceback"].endswith("ValueError: password=[redacted]")


def test_wrong_arguments_lose_no_line() -> None:
    assert line(record("%d items", "many"))["message"] == "%d items"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")


class HostileError(Exception):
    __str__ = Hostile.__str__


HOSTILE: dict[str, dict[str, Any]] = {
    "object": {"event": {"a": Hostile()}},
    "message": {"message": Hostile()},
    "nan": {"event": {"a": float("nan")}},
    "tuple keys": {"event": {("a",): 1}},
    "no dict": {"event": 7, "audit": None},
    "error": {"exc_info": (HostileError, HostileError(), None)},
    "no error": {"exc_info": (None, None, None)},
    "surrogates": {"message": "\ud800"},
}


@pytest.mark.parametrize("parts", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_in_a_record_breaks_its_line(parts: dict[str, Any]) -> None:
    assert line(record(**parts))["logger"] == "wsgi_guard.x"


def test_circular_event_loses_only_itself() -> None:
    circle: dict[str, Any] = {}
    circle["again"] = circle
    assert line(record(event=circle))["unprintable"] == ["event"]


@given(st.text(st.characters(codec=None)), st.text())
def test_no_text_forges_a_line(message: str, value: str) -> None:
    assert line(record(message, event={"a": value}))["message"] == message


def run(code: str) -> tuple[str, list[str]]:
    """Standard output and the lines of standard error of a fresh process."""
    start = "import json, logging, sys\nfrom wsgi_guard.observe.logs import ensure_output\n"
    finish = "\nlogging.getLogger('wsgi_guard.audit').info('told')"
    done = subprocess.run(
        [sys.executable, "-c", start + code + finish], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout, done.stderr.splitlines()


def test_without_logging_json_goes_to_standard_error() -> None:
    _, lines = run("ensure_output(); ensure_output(); ensure_output()")
    assert [json.loads(text)["message"] for text in lines] == ["told"]


def test_logging_of_the_user_is_left_alone() -> None:
    _, lines = run("logging.basicConfig(level='INFO', format='%(message)s'); ensure_output()")
    assert lines == ["told"]
    _, lines = run("logging.getLogger('wsgi_guard').addHandler(logging.NullHandler()); ensure_output()")
    assert lines == []


def test_level_of_the_user_is_kept() -> None:
    _, lines = run("logging.getLogger('wsgi_guard').setLevel('ERROR'); ensure_output()")
    assert lines == []


def test_logging_set_up_later_takes_over() -> None:
    _, lines = run("ensure_output(); logging.basicConfig(level='INFO', format='plain %(message)s')")
    assert lines == ["plain told"]


def test_basic_config_still_works_afterwards() -> None:
    out, _ = run("ensure_output(); logging.basicConfig(); print(len(logging.getLogger().handlers))")
    assert out.strip() == "1"


def test_nothing_is_added_where_handlers_are() -> None:
    # pytest has handlers on the root logger while a test runs.
    ensure_output()
    assert not any(isinstance(handler, Fallback) for handler in logging.getLogger("wsgi_guard").handlers)


def test_configuration_that_comes_later_closes_and_silences_nothing(tmp_path: Path) -> None:
    path = tmp_path / "guard.log"
    section = f"LogSection(file={str(path)!r})"
    run(
        "import logging.config\nfrom wsgi_guard.settings.sections import LogSection\n"
        "logging.getLogger('wsgi_guard.access'); logging.getLogger('wsgi_guard.audit')\n"
        "logging.config.dictConfig({'version': 1})\n"
        f"ensure_output({section})\n"
        "logging.getLogger('wsgi_guard.access').info('first')\n"
        "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False})"
    )
    assert [json.loads(line)["message"] for line in path.read_text().splitlines()] == ["first", "told"]
