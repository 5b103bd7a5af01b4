"""Events: what they tell, what they never tell, and that no exception class can break or blow up one."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.capture.events import Event, Origin, of_exception, of_status
from wsgi_guard.capture.lines import log_event
from wsgi_guard.capture.trace import TRACE_LIMIT, is_own
from wsgi_guard.client import Addresses
from wsgi_guard.facts import Facts
from wsgi_guard.facts import Origin as Source
from wsgi_guard.redact import MARK, Redactor
from wsgi_guard.routes import Routes

from .conftest import Lines

ORIGIN = Origin(Redactor(), "production", "1.2")


def facts(path: str = "/", *templates: str, **environ: Any) -> Facts:
    routes = Routes()
    for template in templates:
        routes.add(template)
    source = Source(routes, Addresses((), "x-forwarded-for"), None)
    full = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "REMOTE_ADDR": "192.0.2.7", **environ}
    return Facts(full, source)


def raised(error: BaseException | Callable[[], object]) -> BaseException:
    """The exception with the traceback it has after being raised here."""
    try:
        if isinstance(error, BaseException):
            raise error
        error()
    except BaseException as caught:
        return caught
    raise AssertionError("nothing was raised")


def event_of(error: BaseException, at: Facts | None = None, **more: Any) -> Event:
    return of_exception(error, at, ORIGIN, id="0" * 32, **more)


def outer() -> None:
    password = "swordfish"
    inner(password)


def inner(password: str) -> None:
    raise ValueError(f"bad login for bob, password={password}")


def test_event_tells_what_happened_where() -> None:
    event = event_of(raised(outer), facts("/api/orders/7", "/api/orders/{order_id}", QUERY_STRING="a=b"))
    told = event.as_dict()
    assert told["type"] == "ValueError"
    assert told["category"] == "programming"
    assert (told["environment"], told["release"]) == ("production", "1.2")
    assert told["request"] | {"id": "", "duration": 0} == {
        "id": "", "duration": 0, "method": "POST", "path": "/api/orders/7", "route": "/api/orders/{order_id}",
        "client": "192.0.2.7",
    }  # fmt: skip
    assert "context" not in told
    assert [line.strip() for line in event.traceback.splitlines()][-3:] == [
        f'File "{__file__}", line {inner.__code__.co_firstlineno + 1}, in inner',
        f"""raise ValueError(f"bad login for bob, password={MARK}")""",
        f"ValueError: bad login for bob, password={MARK}",
    ]
    json.dumps(told)


def test_no_local_variable_is_told() -> None:
    assert "swordfish" not in str(event_of(raised(outer)).as_dict()).replace('password = "swordfish"', "")


def test_source_lines_hide_their_secrets() -> None:
    assert "swordfish" not in event_of(raised(outer)).traceback


def test_chain_is_told_oldest_first() -> None:
    def fail() -> None:
        try:
            inner("x")
        except ValueError as error:
            raise LookupError("token=abc") from error

    event = event_of(raised(fail))
    assert [cause["type"] for cause in event.causes] == ["ValueError"]
    assert (
        event.traceback.index("ValueError:") < event.traceback.index("direct cause") < event.traceback.index("Lookup")
    )
    assert "token=abc" not in event.traceback.replace('LookupError("token=abc")', "")


def test_groups_are_told_with_their_members() -> None:
    event = event_of(ExceptionGroup("several", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])]))
    assert [cause["link"] for cause in event.causes] == ["member", "member", "member"]
    assert "member of the following group" in event.traceback


def test_notes_are_told_redacted() -> None:
    error = ValueError("x")
    error.add_note("while saving\ntoken=abc")
    assert event_of(error).traceback.splitlines()[-1] == rf"while saving\ntoken={MARK}"


class Raising(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Endless(Exception):
    def __str__(self) -> str:
        return str(self)


class NoText(Exception):
    def __str__(self) -> Any:
        return 7


class Sly(str):
    def __len__(self) -> int:
        raise RuntimeError("no")


class SlyText(Exception):
    def __str__(self) -> str:
        return Sly("sly")


def recursing(depth: int = 900) -> None:
    if depth:
        recursing(depth - 1)
    raise RecursionError("too deep")


def long_chain() -> BaseException:
    errors = [ValueError("x" * 5_000) for _ in range(5_000)]
    for newer, older in itertools.pairwise(errors):
        newer.__context__ = older
    return errors[0]


def bad_notes() -> BaseException:
    error = ValueError("x")
    notes: list[Any] = [Raising(), "n" * 10_000_000, *["more"] * 10_000]
    error.__notes__ = notes
    return error


def circle() -> BaseException:
    error = ValueError("round")
    error.__cause__ = error.__context__ = RuntimeError("and")
    error.__cause__.__cause__ = error
    return error


HOSTILE: dict[str, Callable[[], BaseException]] = {
    "str raises": lambda: raised(Raising("x")),
    "str never ends": lambda: raised(Endless("x")),
    "str gives a number": lambda: raised(NoText("x")),
    "str gives a sly text": lambda: raised(SlyText("x")),
    "huge message": lambda: raised(ValueError("x" * 10_000_000)),
    "huge secret": lambda: raised(ValueError("password=" + "x" * 10_000_000)),
    "deep traceback": lambda: raised(recursing),
    "long chain": long_chain,
    "circle": circle,
    "wide group": lambda: ExceptionGroup("wide", [ValueError("x" * 10_000) for _ in range(10_000)]),
    "notes": bad_notes,
    "lone surrogates": lambda: raised(ValueError("\ud800\udfff")),
    "long type name": lambda: type("E" * 100_000, (Exception,), {})("x"),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_exceptions_make_bounded_events(make: Callable[[], BaseException]) -> None:
    event = event_of(make())
    assert len(json.dumps(event.as_dict())) < 3 * TRACE_LIMIT
    assert len(event.traceback) < TRACE_LIMIT + 100
    assert len(event.headline()) < 2_000


@given(st.text(), st.text(), st.text())
def test_no_text_forges_a_line(message: str, path: str, method: str) -> None:
    at = facts(path.encode().decode("latin-1"), REQUEST_METHOD=method)
    event = event_of(raised(ValueError(message)), at)
    assert len(event.headline().splitlines()) == 1
    lines = event.traceback.splitlines()
    assert lines[-1].startswith("ValueError")
    assert lines[0] == "Traceback (most recent call last):"
    assert len(lines) == 4


def test_path_is_told_as_people_read_it() -> None:
    at = facts("/caf\u00c3\u00a9/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig")
    request = event_of(ValueError("x"), at).request
    assert request is not None
    assert request["path"] == f"/café/{MARK}"


def test_broken_facts_leave_an_event() -> None:
    at = facts("/")
    at._origin = None  # type: ignore[assignment]
    request = event_of(ValueError("x"), at).request
    assert request is not None
    assert request["incomplete"] == "AttributeError"


def test_same_way_has_the_same_fingerprint() -> None:
    first, second, other = raised(outer), raised(outer), raised(lambda: inner("y"))
    assert event_of(first).fingerprint == event_of(second).fingerprint != event_of(other).fingerprint


def test_fingerprint_ignores_library_frames() -> None:
    def load(text: str) -> Any:
        return json.loads(text)

    # Both fail in load, at different depths of the json module.
    ways = {event_of(raised(lambda text=text: load(text))).fingerprint for text in ("", "[1")}  # type: ignore[misc]
    assert len(ways) == 1
    assert is_own(__file__)
    assert not is_own(json.__file__)
    assert not is_own(pytest.__file__)
    assert not is_own("<frozen importlib._bootstrap>")


def test_context_is_redacted_and_bounded() -> None:
    event = event_of(ValueError("x"), context={"order": 7, "api_key": "abc", "rows": ["y" * 10_000] * 1_000})
    assert event.context["order"] == 7
    assert event.context["api_key"] == MARK
    assert len(json.dumps(event.context)) < 10_000


def test_status_without_cause_says_so() -> None:
    event = of_status(503, facts("/a"), ORIGIN, id="1" * 32)
    assert (event.message, event.severity, event.traceback) == ("response 503, cause unseen", "WARNING", "")
    same = of_status(503, facts("/b"), ORIGIN, id="2" * 32)
    assert event.fingerprint == same.fingerprint != of_status(500, facts("/a"), ORIGIN, id="3" * 32).fingerprint


def test_methods_that_clients_invent_are_one_cause() -> None:
    found = [
        of_status(500, facts(REQUEST_METHOD=method), ORIGIN, id="1" * 32).fingerprint
        for method in ("GET", "POST", "FOO", "BAR", "get", "")
    ]
    assert len(set(found)) == 3
    assert len(set(found[2:])) == 1


def test_plain_formatters_print_the_redacted_traceback(lines: Lines) -> None:
    log_event(event_of(raised(outer), severity="CRITICAL"))
    [record] = lines.records
    text = logging.Formatter("%(levelname)s %(message)s").format(record)
    assert text.startswith("CRITICAL ValueError: bad login for bob")
    assert "in inner" in text
    assert "swordfish" not in text
    assert record.exc_info is None


def test_disabled_logger_costs_no_record(lines: Lines) -> None:
    logger = logging.getLogger("wsgi_guard.errors")
    logger.setLevel(logging.CRITICAL)
    try:
        log_event(event_of(ValueError("x")))
    finally:
        logger.setLevel(logging.NOTSET)
    assert lines.records == []
