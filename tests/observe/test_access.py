"""The access log: what a line tells of a request, to whom, and what nobody can make it say."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.health.ticking import until
from tests.support.calling import App, Server, request, serve
from tests.support.listening import listening
from wsgi_guard import Guard, current
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.facts import Facts
from wsgi_guard.observe.batch import Batch
from wsgi_guard.observe.decide import queued
from wsgi_guard.observe.logs import JsonFormatter, OwnFile, TextFormatter
from wsgi_guard.redact import Redactor
from wsgi_guard.shown import shown_target
from wsgi_guard.stack import build
from wsgi_guard.trace import trace_of


class Kept(logging.Handler):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def line(self) -> dict[str, Any]:
        (record,) = self.records
        text = JsonFormatter().format(record)
        assert len(text.splitlines()) == 1
        return json.loads(text)  # type: ignore[no-any-return]


@pytest.fixture
def kept() -> Iterator[Kept]:
    with listening(Kept(), "wsgi_guard.access", logging.INFO) as kept:
        yield kept


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A file for the guard's lines."""
    yield tmp_path / "access.log"
    logger = logging.getLogger("wsgi_guard")
    for handler in [one for one in logger.handlers if isinstance(one, OwnFile)]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)


def lines_of(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(text) for text in path.read_text().splitlines()]
    return [line for line in found if line["logger"] == "wsgi_guard.access"]


def hello(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hel", b"lo"]


def told(kept: Kept, app: App, environ: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    kept.records.clear()
    serve(Guard(app, settings), environ)
    return kept.line()


def test_line_tells_the_story(kept: Kept) -> None:
    line = told(kept, hello, request("/tea", REMOTE_USER="ann"))
    assert line["time"].endswith("+00:00")
    expected = {
        "level": "INFO", "logger": "wsgi_guard.access", "method": "GET", "path": "/tea", "route": "(unmatched)",
        "status": 200, "bytes": 5, "client": "192.0.2.1", "identity": "ann",
    }  # fmt: skip
    assert line == line | expected
    assert len(line["request_id"]) == 32
    assert line["trace_id"] == line["request_id"]
    assert 0 < line["duration"] < 5
    assert "decisions" not in line


def test_answers_of_the_guard_have_a_line(kept: Kept) -> None:
    rule = {"name": "few", "path": "/tea/{leaf}", "limit": "0 per hour"}
    line = told(kept, hello, request("/tea/green"), rate_limit={"rules": [rule], "store": "memory"})
    assert (line["status"], line["route"]) == (429, "/tea/{leaf}")
    assert line["bytes"] > 100
    decision = {"id": f"{line['request_id']}-1", "layer": "rate_limit", "verdict": "deny", "rule": "few"}
    assert decision in line["decisions"]
    assert told(kept, hello, request("/livez"))["route"] == "/livez"


def test_every_denial_of_a_flood_names_its_rule(kept: Kept) -> None:
    rules = [{"name": "few", "limit": "1 per hour"}, {"name": "x", "limit": "1 per hour", "mode": "shadow"}]
    guard = Guard(hello, {"rate_limit": {"rules": rules, "store": "memory", "builtin_rules": "off"}})
    for _ in range(40):
        serve(guard, request("/tea"))
    first, *others = [vars(record)["access"] for record in kept.records]
    assert (first["status"], len(others)) == (200, 39)
    for line in others:
        [denied] = [one for one in line["decisions"] if one["verdict"] == "deny"]
        assert (denied["layer"], denied["rule"]) == ("rate_limit", "few")
        assert denied["id"].startswith(line["request_id"])


def test_identity_that_is_a_secret_is_taken_out(kept: Kept) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
    for identity, shown in ((token, False), ("AKIAIOSFODNN7EXAMPLE", False), ("ann.of.the.green.gables", True)):
        assert (told(kept, hello, request("/tea", REMOTE_USER=identity))["identity"] == identity) is shown
        assert (token[:30] in json.dumps(kept.line())) is False


def test_file_in_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        Guard(hello, {"log": {"file": str(tmp_path / "none" / "guard.log")}})


PASSING = [(SystemExit(1), {}), (ValueError(), {"capture": {"on_error": "raise"}})]


def _broken(error: BaseException, *chunks: bytes) -> Iterator[bytes]:
    yield from chunks
    raise error


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize(("error", "settings"), PASSING)
def test_what_passes_to_the_server_counts_as_its_500(
    error: BaseException, settings: Any, started: bool, kept: Kept
) -> None:
    def broken(environ: Any, start_response: Any) -> Any:
        if not started:
            raise error
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _broken(error)

    kept.records.clear()
    serve(Guard(broken, settings), request("/"))
    assert (kept.line()["status"], kept.line()["end"]) == (500, "error")


def test_what_breaks_after_a_byte_keeps_its_status(kept: Kept) -> None:
    def broken(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        raise SystemExit(1)

    kept.records.clear()
    serve(Guard(broken, {}), request("/"))
    assert (kept.line()["status"], kept.line()["end"]) == (200, "error")


def test_errors_bring_their_id(kept: Kept) -> None:
    def broken(environ: Any, start_response: Any) -> Any:
        raise ValueError("no")

    kept.records.clear()
    server = serve(Guard(broken, {}), request("/"))
    assert kept.line()["error_id"] == server.header("X-Error-ID")
    assert kept.line()["status"] == 500


def test_duration_and_bytes_reach_the_last_byte(kept: Kept) -> None:
    def slowly(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        for _ in range(3):
            assert kept.records == []
            yield b"xx"

    line = told(kept, slowly)
    assert (line["bytes"], "end" in line) == (6, False)
    kept.records.clear()
    Server().serve(Guard(slowly, {}), request(), leave_after=1)
    assert (kept.line()["bytes"], kept.line()["end"]) == (2, "disconnect")


def test_written_and_kept_bodies_are_measured(kept: Kept, tmp_path: Path) -> None:
    def writes(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"abc")
        return [b"d"]

    assert told(kept, writes)["bytes"] == 4
    (tmp_path / "file").write_bytes(b"x" * 10)

    def file(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "10")])
        return open(tmp_path / "file", "rb")

    assert told(kept, file)["bytes"] == 10


def test_slow_requests_are_flagged(kept: Kept) -> None:
    line = told(kept, hello, log={"slow": 0})
    assert (line["slow"], line["level"]) == (True, "WARNING")
    assert "slow" not in told(kept, hello)


def test_nothing_is_said_where_nobody_listens(kept: Kept) -> None:
    logging.getLogger("wsgi_guard.access").setLevel(logging.ERROR)
    serve(Guard(hello, {}))
    assert kept.records == []
    logging.getLogger("wsgi_guard.access").setLevel(logging.INFO)
    serve(Guard(hello, {"log": {"access": False}}))
    assert kept.records == []


def test_secrets_in_paths_are_taken_out(kept: Kept) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    assert key not in json.dumps(told(kept, hello, request(f"/reset/{key}", QUERY_STRING=f"token={key}")))


@given(st.text(), st.text(min_size=1), st.text())
def test_no_client_forges_a_line(path: str, method: str, identity: str) -> None:
    with listening(Kept(), "wsgi_guard.access", logging.INFO) as kept:
        wire = path.encode("utf-8", "surrogatepass").decode("latin-1")
        serve(Guard(hello, {"guard": {"layers": []}}), request(f"/{wire}", method, REMOTE_USER=identity))
        (record,) = kept.records
        json.loads(JsonFormatter().format(record))
        assert len(TextFormatter().format(record).splitlines()) == 1


NOW = 1_800_000_000.5
QUEUED = [
    ("t=1800000000.25", 0.25), ("1800000000250", 0.25), ("t=1800000000250000", 0.25), ("1800000001.0", 0.0),
    ("", None), ("t=soon", None), ("nan", None), ("-1", None), ("1700000000", None), ("inf", None),
]  # fmt: skip


@pytest.mark.parametrize(("header", "seconds"), QUEUED)
def test_queue_time_of_proxies(header: str, seconds: float | None) -> None:
    found = queued(header, NOW)
    assert (found is None) == (seconds is None)
    assert found is None or seconds is None or abs(found - seconds) < 0.001


def test_queue_time_comes_from_who_is_believed(kept: Kept) -> None:
    sent = request(HTTP_X_REQUEST_START=f"t={time.time() - 0.5:.3f}")
    assert 0.4 < told(kept, hello, dict(sent))["queue"] < 5
    assert "queue" not in told(kept, hello, dict(sent), guard={"trusted_proxies": []})


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-00"
TRACES = [
    (PARENT, TRACE), (f"cc-{TRACE}-00f067aa0ba902b7-01-what-follows", TRACE), (f"{PARENT}-more", None),
    (PARENT.upper(), None), (f"ff{PARENT[2:]}", None), (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
    (f"00-{TRACE}-{'0' * 16}-01", None), (f"{PARENT},{PARENT}", None), (f"{PARENT}\n", None), ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("header", "trace"), TRACES)
def test_traceparent_as_w3c_has_it(header: str, trace: str | None) -> None:
    found = trace_of(header)
    assert (found.id if found else None) == trace


def test_trace_goes_on_and_is_passed_on(kept: Kept) -> None:
    passed: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        facts = current()
        assert facts is not None
        passed.append((environ["wsgi_guard.traceparent"], facts.traceparent, environ.get("HTTP_TRACEPARENT")))
        return hello(environ, start_response)

    line = told(kept, app, request(HTTP_TRACEPARENT=PARENT))
    assert line["trace_id"] == TRACE
    mine, same, theirs = passed[0]
    assert (mine, theirs) == (same, PARENT)
    version, trace, span, flags = mine.split("-")
    assert (version, trace, flags) == ("00", TRACE, "00")
    assert span not in PARENT
    stranger = told(kept, app, request(HTTP_TRACEPARENT=PARENT), guard={"trusted_proxies": ["10.0.0.0/8"]})
    assert stranger["trace_id"] != TRACE
    assert trace_of(passed[1][0]) is not None


def test_app_lines_carry_the_ids(kept: Kept) -> None:
    log, lines = logging.getLogger("shop.orders"), Kept()
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    made = logging.getLogRecordFactory()

    def theirs(*args: Any, **options: Any) -> logging.LogRecord:
        record = made(*args, **options)
        record.tenant = "t1"
        return record

    def app(environ: Any, start_response: Any) -> Any:
        log.info("first")
        log.info("second", extra={"request_id": "the app's own"})
        return hello(environ, start_response)

    logging.setLogRecordFactory(theirs)
    try:
        line = told(kept, app)
        log.info("outside")
    finally:
        logging.setLogRecordFactory(made)
        log.removeHandler(lines)
    ids = [(vars(record)["request_id"], vars(record)["tenant"]) for record in lines.records]
    assert ids == [(line["request_id"], "t1"), ("the app's own", "t1"), ("-", "t1")]
    assert json.loads(JsonFormatter().format(lines.records[0]))["trace_id"] == line["trace_id"]
    assert "request_id" not in json.loads(JsonFormatter().format(lines.records[2]))


def test_direct_lines_go_to_a_file_that_may_be_moved(path: Path, kept: Kept) -> None:
    guard = Guard(hello, {"log": {"handler": "direct", "file": str(path)}})
    serve(guard, request("/one", REMOTE_USER="half \ud800"))
    assert [line["identity"] for line in lines_of(path)] == ["half \ud800"]
    moved = path.with_name("access.log.1")
    os.rename(path, moved)
    writer = guard.stack.full.around[0].file  # type: ignore[attr-defined]
    writer._looked = 0.0
    serve(guard, request("/two"))
    # The file is there a moment before its line.
    until(lambda: path.exists() and path.stat().st_size > 0)
    assert [line["path"] for line in lines_of(moved) + lines_of(path)] == ["/one", "/two"]
    assert kept.records == []


def test_both_handlers_tell_the_same(path: Path, kept: Kept) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        facts = current()
        assert facts is not None
        facts.db_queries = 2
        return hello(environ, start_response)

    asked = request("/x\x00\xc3\xa9", "B\"REW", REMOTE_USER='a"b', HTTP_X_REQUEST_ID="taken.over")
    tables: dict[str, Any] = {"guard": {"trusted_proxies": ["192.0.2.0/24"]}}
    direct = {"handler": "direct", "file": str(path), "slow": 0}
    serve(Guard(app, {"log": direct, **tables}), dict(asked))
    (line,) = lines_of(path)
    other = told(kept, app, dict(asked), log={"slow": 0}, **tables)
    assert list(line) == list(other)
    changing = {"time", "duration", "trace_id"}
    assert {k: v for k, v in line.items() if k not in changing} == {k: v for k, v in other.items() if k not in changing}
    assert (line["request_id"], line["identity"], line["db_queries"]) == ("taken.over", 'a"b', 2)


def test_lines_that_come_together_are_one_write_and_none_is_left() -> None:
    written: list[list[bytes]] = []

    class Hand:
        def take(self, lines: list[bytes], now: float) -> None:
            written.append(lines)

    hand = Hand()
    batch = Batch(hand.take)
    for number in range(5):
        batch.add(b"%d" % number, 100.0 + number / 10_000)
    assert written == [[b"0"]]
    until(lambda: len(written) == 2)
    assert written[1:] == [[b"1", b"2", b"3", b"4"]]
    # A clock that was set back holds nothing up.
    batch.add(b"5", 50.0)
    batch.add(b"6", 50.006)
    assert written[2:] == [[b"5"], [b"6"]]


def test_direct_lines_are_there_when_the_process_ends(path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {os.getcwd()!r})
from tests.observe.test_access import Guard, hello, request, serve
guard = Guard(hello, {{"log": {{"handler": "direct", "file": {str(path)!r}}}}})
for _ in range(50):
    serve(guard, request("/x"))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(lines_of(path)) == 50


def test_records_are_those_of_logging(kept: Kept) -> None:
    serve(Guard(hello, {}), request("/x"))
    (record,) = kept.records
    plain = logging.getLogger(record.name).makeRecord(record.name, logging.INFO, "f", 0, "m", (), None)
    assert vars(record).keys() >= vars(plain).keys() | {"access"}
    assert (record.threadName, record.process) == (plain.threadName, plain.process)
    assert 0 <= plain.created - record.created < 5
    assert 0 <= plain.relativeCreated - record.relativeCreated < 5000
    assert record.getMessage().startswith("GET /x 200 in ")


def test_factories_and_loggers_of_the_user_make_access_records(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    guard, made = Guard(hello, {}), logging.getLogRecordFactory()

    def factory(*args: Any, **options: Any) -> logging.LogRecord:
        record = made(*args, **options)
        record.tenant = "t1"
        return record

    serve(guard)
    logging.setLogRecordFactory(factory)
    try:
        serve(guard)
    finally:
        logging.setLogRecordFactory(made)
    make = logging.Logger.makeRecord

    @wraps(make)
    def method(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        record.tenant = "t2"
        return record

    monkeypatch.setattr(logging.Logger, "makeRecord", method)
    serve(guard)
    assert [getattr(record, "tenant", None) for record in kept.records] == [None, "t1", "t2"]
    assert len({vars(record)["request_id"] for record in kept.records}) == 3


def test_direct_without_its_package_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_guard.observe.direct.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="wsgi-guard\\[fast\\]"):
        Guard(hello, {"log": {"handler": "direct"}})


def test_text_and_direct_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match=r"log\.format"):
        Guard(hello, {"log": {"handler": "direct", "format": "text"}})


def test_text_line_is_for_eyes(kept: Kept) -> None:
    rule = {"name": "few", "limit": "0 per hour"}
    serve(Guard(hello, {"rate_limit": {"rules": [rule], "store": "memory"}, "log": {"slow": 0}}), request("/tea"))
    text = TextFormatter().format(kept.records[0])
    assert " WARNING wsgi_guard.access GET /tea 429 in " in text
    assert " 192.0.2.1 SLOW deny:rate_limit/few " in text


TARGETS = (
    # environ, what stands in the line
    ({"PATH_INFO": "/tea"}, None),
    ({"PATH_INFO": "/tea", "QUERY_STRING": "leaf=green&n=2"}, "/tea?leaf=green&n=2"),
    ({"PATH_INFO": "/tea", "QUERY_STRING": "leaf=%C3%A9&token=hush"}, "/tea?leaf=%C3%A9&token=[redacted]"),
    ({"PATH_INFO": "/tea", "QUERY_STRING": "password=hush"}, "/tea?password=[redacted]"),
    ({"PATH_INFO": "/a b", "RAW_URI": "/a%20b"}, "/a%20b"),
    ({"PATH_INFO": "/a?b"}, "/a%3Fb"),
    ({"PATH_INFO": "/a%2f"}, "/a%252f"),
    ({"PATH_INFO": "/x", "RAW_URI": "http://h/x?a=1", "QUERY_STRING": "a=1"}, "/x?a=1"),
    ({"PATH_INFO": "/\u20ac?", "REQUEST_URI": "*", "QUERY_STRING": "a"}, "/%3F%3F?a"),
    ({"PATH_INFO": "/x", "RAW_URI": 7, "QUERY_STRING": "a"}, "/x?a"),
    ({"PATH_INFO": "/x", "RAW_URI": "/x?a=\n\x1b", "QUERY_STRING": "a=\n\x1b"}, "/x?a=\\n\\x1b"),
)


@pytest.mark.parametrize(("keys", "target"), TARGETS, ids=range(len(TARGETS)))
def test_query_and_escaped_path_are_told_without_secrets(kept: Kept, keys: dict[str, Any], target: str | None) -> None:
    environ = request("/") | {"QUERY_STRING": ""} | keys
    assert told(kept, hello, dict(environ)).get("target") == target
    assert "target" not in told(kept, hello, dict(environ), log={"target": False})
    assert len(TARGETS) == 11


SECRET_NAMES = ("token", "Password", "api_key", "access%5Ftoken", "sessionid", "x-auth-token", "user[password]", "pin")
FIELDS = st.lists(st.tuples(st.sampled_from(["q", "page", "a.b", ""]), st.text("ab1.,+-", max_size=12)), max_size=3)


@given(st.sampled_from(SECRET_NAMES), st.text("QZXV", min_size=4, max_size=20), FIELDS, FIELDS)
def test_no_secret_stands_in_a_target(name: str, secret: str, before: Any, after: Any) -> None:
    query = "&".join(f"{key}={value}" for key, value in [*before, (name, secret), *after])
    environ = request("/tea", QUERY_STRING=query, RAW_URI=f"/tea?{query}")
    shown = shown_target(Facts(environ, build({}).origin), "/tea", Redactor())
    assert secret not in shown
    assert shown.startswith("/tea?")
