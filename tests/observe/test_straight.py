"""Access lines that need no record: the same line, and never where somebody else would have seen the record."""

from __future__ import annotations

import inspect
import io
import json
import logging
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from tests.observe.test_access import Kept, hello, lines_of, told
from tests.support.calling import request, serve
from wsgi_guard import Guard
from wsgi_guard.observe.logs import Fallback, JsonFormatter, OwnFile, TextFormatter
from wsgi_guard.observe.straight import Straight

ACCESS, ABOVE, ROOT = (logging.getLogger(name) for name in ("wsgi_guard.access", "wsgi_guard", None))
CHANGING = {"time", "duration", "request_id", "trace_id"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnFile]:
    """The guard's own file."""
    output = OwnFile(str(tmp_path / "access.log"))
    output.setFormatter(JsonFormatter())
    yield output
    output.close()


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    before = ABOVE.level
    ABOVE.setLevel(logging.INFO)
    yield
    ABOVE.setLevel(before)


def alone(patch: pytest.MonkeyPatch, output: logging.Handler) -> None:
    """Makes it all the output there is: pytest puts some of its own before each test runs, and sentry-sdk stays for
    good in a process where another test has set it up.
    """
    patch.setattr(ABOVE, "handlers", [output])
    patch.setattr(ABOVE, "propagate", False)
    patch.setattr(logging.Logger, "callHandlers", within(logging.Logger.callHandlers))


def within(method: Any) -> Any:
    """logging's own method, out of the closure of what a tool has put around it."""
    while method.__globals__ is not vars(logging):
        method = next(cell.cell_contents for cell in method.__closure__ if inspect.isfunction(cell.cell_contents))
    return method


def fixed(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in CHANGING}


def test_line_is_the_one_a_record_becomes(own: OwnFile, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, own)
    rule = {"name": "few", "path": "/tea/{leaf}", "limit": "0 per hour"}
    limits = {"rules": [rule], "store": "memory"}
    asked = request("/tea/gr\xc3\xbcn", "B\"REW", REMOTE_USER="half \ud800")
    guard = Guard(hello, {"rate_limit": limits, "log": {"slow": 0}})
    assert Straight().output(logging.WARNING) is own
    serve(guard, dict(asked))
    kept = Kept()
    ACCESS.addHandler(kept)
    try:
        by_record = told(kept, hello, dict(asked), rate_limit=limits, log={"slow": 0})
    finally:
        ACCESS.removeHandler(kept)
    straight, record = lines_of(Path(own.path))
    assert fixed(record) == fixed(by_record)
    assert list(straight) == list(record)
    straight["decisions"][0]["id"] = record["decisions"][0]["id"]
    assert fixed(straight) == fixed(record)


def test_lines_of_a_flood_have_the_decisions_of_their_records(own: OwnFile, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, own)
    rules = [{"name": "few", "limit": "1 per hour"}, {"name": "x", "limit": "1 per hour", "mode": "shadow"}]
    limits = {"rules": rules, "store": "memory", "builtin_rules": "off"}
    kept = Kept()
    for times in range(2):
        guard = Guard(hello, {"rate_limit": limits})
        for _ in range(30):
            serve(guard, request("/tea"))
        if not times:
            ACCESS.addHandler(kept)
    ACCESS.removeHandler(kept)
    straight = lines_of(Path(own.path))
    records = [vars(record)["access"] for record in kept.records]
    assert (len(straight), len(records)) == (60, 30)
    for line, record in zip(straight, records, strict=False):
        found, expected = line.get("decisions", []), record.get("decisions", [])
        assert [one["id"] for one in found] == [f"{line['request_id']}-{at + 1}" for at in range(len(found))]
        assert [one | {"id": ""} for one in found] == [one | {"id": ""} for one in expected]


class Seen(logging.Filter):
    """Lets everything through and notes it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def filter(self, record: logging.LogRecord) -> bool:
        self.records.append(record)
        return True


def by_handler(logger: logging.Logger) -> Callable[[Any, Seen, OwnFile], None]:
    def put(patch: pytest.MonkeyPatch, seen: Seen, own: OwnFile) -> None:
        other = logging.StreamHandler(io.StringIO())
        other.addFilter(seen)
        patch.setattr(logger, "handlers", [*logger.handlers, other])
        patch.setattr(ABOVE, "propagate", logger is ROOT)

    return put


def by_filter(patch: pytest.MonkeyPatch, seen: Seen, own: OwnFile) -> None:
    patch.setattr(ACCESS, "filters", [seen])


def by_filter_of_the_output(patch: pytest.MonkeyPatch, seen: Seen, own: OwnFile) -> None:
    patch.setattr(own, "filters", [seen])


def by_factory(patch: pytest.MonkeyPatch, seen: Seen, own: OwnFile) -> None:
    made = logging.getLogRecordFactory()

    def factory(*args: Any, **options: Any) -> logging.LogRecord:
        record = made(*args, **options)
        seen.filter(record)
        return record

    patch.setattr(logging, "_logRecordFactory", factory)


def by_method(name: str) -> Callable[[Any, Seen, OwnFile], None]:
    """As tools that watch logging do: a function of theirs around a method of all loggers."""

    def put(patch: pytest.MonkeyPatch, seen: Seen, own: OwnFile) -> None:
        method = getattr(logging.Logger, name)

        @wraps(method)
        def around(self: logging.Logger, record: logging.LogRecord) -> None:
            seen.filter(record)
            method(self, record)

        patch.setattr(logging.Logger, name, around)

    return put


WATCHERS: dict[str, Callable[[Any, Seen, OwnFile], None]] = {
    "a handler of the access log": by_handler(ACCESS),
    "a handler beside the guard's own": by_handler(ABOVE),
    "a handler of the root logger": by_handler(ROOT),
    "a filter": by_filter,
    "a filter of the output": by_filter_of_the_output,
    "a record factory": by_factory,
    "a tool around handle": by_method("handle"),
    "a tool around callHandlers": by_method("callHandlers"),
}


@pytest.mark.parametrize("how", WATCHERS)
def test_who_watches_sees_every_record(how: str, own: OwnFile, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, own)
    guard, seen = Guard(hello, {}), Seen()
    serve(guard, request("/before"))
    with monkeypatch.context() as patch:
        WATCHERS[how](patch, seen, own)
        assert Straight().output(logging.INFO) is None
        serve(guard, request("/watched"))
    serve(guard, request("/after"))
    assert [record.args[1] for record in seen.records if type(record.args) is tuple] == ["/watched"]
    assert [line["path"] for line in lines_of(Path(own.path))] == ["/before", "/watched", "/after"]


def test_other_forms_and_levels_have_no_short_way(own: OwnFile, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, own)
    straight = Straight()
    monkeypatch.setattr(own, "level", logging.WARNING)
    assert straight.output(logging.INFO) is None
    assert straight.output(logging.WARNING) is own
    own.setFormatter(TextFormatter())
    assert straight.output(logging.WARNING) is None


def test_standard_error_is_written_to_while_the_root_has_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    output = Fallback(stream)
    output.setFormatter(JsonFormatter())
    alone(monkeypatch, output)
    assert Straight().output(logging.INFO) is None
    monkeypatch.setattr(ROOT, "handlers", [])
    assert Straight().output(logging.INFO) is output
    serve(Guard(hello, {}), request("/x"))
    assert json.loads(stream.getvalue().splitlines()[-1])["path"] == "/x"


def test_full_disk_costs_few_words_and_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OwnFile("/dev/full")
    full.setFormatter(JsonFormatter())
    alone(monkeypatch, full)
    assert Straight().output(logging.INFO) is full
    assert serve(Guard(hello, {}), request("/x")).body == b"hello"
    assert "/dev/full: No space left on device; 1 lines below WARNING were left out" in capsys.readouterr().err
    for _ in range(5):
        assert serve(Guard(hello, {}), request("/x")).body == b"hello"
    assert capsys.readouterr().err == ""
    logging.getLogger("wsgi_guard.errors").error("of an error")
    assert json.loads(capsys.readouterr().err)["message"] == "of an error"
    full.close()
