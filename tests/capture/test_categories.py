"""What kind of error an exception is, by real classes, SQLSTATE, errno, its causes, and what the settings add."""

from __future__ import annotations

import errno
import json
import socket
import sqlite3
import ssl
import subprocess
import urllib.error
from typing import Any

import psycopg
import psycopg_pool
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.capture import categories
from wsgi_guard.capture.categories import CATEGORIES, Kind, Own
from wsgi_guard.capture.layer import Capture
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import load

from .conftest import Lines
from .support import call, guarded, raising
from .test_events import event_of, facts


def stated(code: str) -> Exception:
    """psycopg's own class for a SQLSTATE, as the server's answer makes it."""
    return psycopg.errors.lookup(code)("x")


def caused(error: BaseException, by: BaseException) -> BaseException:
    error.__cause__ = by
    return error


class WebSocketClosed(Exception):
    pass


class PermissionDenied(Exception):
    pass


ERRORS: list[tuple[BaseException, str, str]] = [
    (stated("23505"), "database", "ERROR"),
    (stated("40P01"), "database", "ERROR"),
    (stated("08006"), "database", "ERROR"),
    (stated("57P01"), "database", "ERROR"),
    (stated("57014"), "timeout", "ERROR"),
    (stated("55P03"), "timeout", "ERROR"),
    (stated("53200"), "memory", "CRITICAL"),
    (stated("53100"), "database", "CRITICAL"),
    (stated("XX001"), "database", "CRITICAL"),
    (psycopg.OperationalError("connection refused"), "database", "ERROR"),
    (psycopg_pool.PoolTimeout("none free"), "database", "ERROR"),
    (sqlite3.IntegrityError("x"), "database", "ERROR"),
    (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "network", "ERROR"),
    (OSError(errno.EHOSTUNREACH, "x"), "network", "ERROR"),
    (BrokenPipeError(errno.EPIPE, "x"), "network", "ERROR"),
    (socket.gaierror(-2, "x"), "network", "ERROR"),
    (ssl.SSLError("x"), "network", "ERROR"),
    (urllib.error.URLError("x"), "network", "ERROR"),
    (redis.ConnectionError("x"), "network", "ERROR"),
    (TimeoutError(), "timeout", "ERROR"),
    (OSError(errno.ETIMEDOUT, "x"), "timeout", "ERROR"),
    (redis.TimeoutError("x"), "timeout", "ERROR"),
    (subprocess.TimeoutExpired("x", 1), "timeout", "ERROR"),
    (json.JSONDecodeError("x", "y", 0), "validation", "ERROR"),
    (PermissionDenied(), "authentication", "ERROR"),
    (WebSocketClosed(), "websocket", "ERROR"),
    (MemoryError(), "memory", "CRITICAL"),
    (OSError(errno.ENOMEM, "x"), "memory", "CRITICAL"),
    (OSError(errno.ENOSPC, "x"), "other", "CRITICAL"),
    (OSError(errno.EMFILE, "x"), "other", "CRITICAL"),
    (FileNotFoundError(errno.ENOENT, "x"), "other", "ERROR"),
    (TypeError("x"), "programming", "ERROR"),
    (KeyError("x"), "programming", "ERROR"),
    (Exception("x"), "other", "ERROR"),
    (caused(RuntimeError("x"), stated("23505")), "database", "ERROR"),
    (caused(RuntimeError("x"), OSError(errno.ENOSPC, "x")), "other", "CRITICAL"),
]


def test_table_of_errors_is_whole() -> None:
    assert len(ERRORS) == 36
    assert {category for _, category, _ in ERRORS} == set(CATEGORIES) - {"external"}


@pytest.mark.parametrize(("error", "category", "severity"), ERRORS, ids=lambda one: getattr(one, "args", one) and None)
def test_error_has_its_category_and_severity(error: BaseException, category: str, severity: str) -> None:
    event = event_of(error)
    assert (event.category, event.severity) == (category, severity)


def test_packages_of_other_services_are_external() -> None:
    for package in ("botocore.exceptions", "stripe", "grpc._channel"):
        assert categories.category([Kind([(package, "Oops"), ("builtins", "Exception")])]) == "external"


CONNECTIONS: list[tuple[BaseException, bool]] = [
    (stated("08006"), True),
    (stated("28P01"), True),
    (stated("53300"), True),
    (stated("57P03"), True),
    (psycopg.OperationalError("connection refused"), True),
    (psycopg_pool.PoolTimeout("x"), True),
    (caused(RuntimeError("x"), psycopg_pool.PoolClosed("x")), True),
    (stated("23505"), False),
    (stated("57014"), False),
    (sqlite3.OperationalError("database is locked"), False),
    (ConnectionRefusedError(errno.ECONNREFUSED, "x"), False),
    (psycopg.ProgrammingError("x"), False),
]


def test_lost_database_is_told_from_a_bad_statement() -> None:
    assert len(CONNECTIONS) == 12
    assert [("database_connection" in event_of(error).signs) for error, _ in CONNECTIONS] == [
        lost for _, lost in CONNECTIONS
    ]


def test_error_of_a_websocket_request_says_so() -> None:
    assert event_of(ValueError("x"), facts("/chat", HTTP_UPGRADE="WebSocket")).signs == ("websocket",)
    assert event_of(ValueError("x"), facts("/chat", HTTP_UPGRADE="h2c")).signs == ()


# the settings


class Payment(Exception):
    pass


class Declined(Payment):
    pass


HERE = __name__
OWN: list[tuple[dict[str, Any], BaseException, str, str]] = [
    ({"payment": {"types": [f"{HERE}.Payment"]}}, Payment(), "payment", "ERROR"),
    ({"payment": {"types": [f"{HERE}.Payment"], "severity": "CRITICAL"}}, Declined(), "payment", "CRITICAL"),
    ({"payment": {"types": [HERE]}}, Declined(), "payment", "ERROR"),
    ({"payment": {"types": ["Payment"]}}, Payment(), "other", "ERROR"),
    ({"external": {"types": ["ValueError"]}}, ValueError(), "external", "ERROR"),
    ({"conflict": {"sqlstates": ["40"], "severity": "WARNING"}}, stated("40001"), "conflict", "WARNING"),
    ({"conflict": {"sqlstates": ["40001"]}}, stated("40P01"), "database", "ERROR"),
    ({"disk": {"errnos": ["ENOSPC"]}}, OSError(errno.ENOSPC, "x"), "disk", "CRITICAL"),
    ({"disk": {"errnos": ["ENOSPC"]}}, caused(RuntimeError(), OSError(errno.ENOSPC, "x")), "disk", "CRITICAL"),
    ({"network": {"types": [f"{HERE}.Payment"]}, "late": {"types": [HERE]}}, Payment(), "network", "ERROR"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "error", "category", "severity"), OWN)
def test_settings_add_categories(
    table: dict[str, Any], error: BaseException, category: str, severity: str, lines: Lines
) -> None:
    call(guarded(raising(error), categories=table))
    [event] = lines.events
    assert (event["category"], event["severity"]) == (category, severity)


def test_table_of_own_categories_is_whole() -> None:
    assert len(OWN) == 10


def choose(error: BaseException) -> Any:
    """What `capture.categorize` names below; the argument says what it returns."""
    return error.args[0]


ANSWERS: list[tuple[Any, str]] = [
    ("shipping", "shipping"),
    (None, "programming"),
    ("", "programming"),
    (7, "programming"),
    ("password=xyzzy of bob", "other"),
    ("x" * 65, "other"),
]


@pytest.mark.parametrize(("answer", "category"), ANSWERS)
def test_function_chooses_the_category(answer: Any, category: str, lines: Lines) -> None:
    call(guarded(raising(ValueError(answer)), categorize=f"{HERE}:choose"))
    assert [event["category"] for event in lines.events] == [category]


def fails(error: BaseException) -> str:
    raise RuntimeError("no")


def test_function_that_fails_costs_no_event(lines: Lines) -> None:
    answer = call(guarded(raising(ValueError("x")), categorize=f"{HERE}:fails"))
    [event] = lines.events
    assert (event["category"], event["id"]) == ("programming", answer.error_id)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"categories": {"a": {"errnos": ["EWRONG"]}}}, "there is no errno 'EWRONG'"),
    ({"categories": {"a": {"sqlstates": ["2350500"]}}}, "at most five digits and capitals"),
    ({"categories": {"a": {"severity": "BAD"}}}, "severity"),
    ({"categorize": "nowhere.at:all"}, "capture.categorize"),
    ({"exits": "some"}, "capture.exits"),
]


@pytest.mark.parametrize(("table", "said"), WRONG)
def test_wrong_settings_stop_the_start(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Capture(load({"capture": table}, environ={}).capture, environment=None)


names = st.text("abcXYZ_.", max_size=12)
kinds = st.builds(
    Kind, st.lists(st.tuples(names, names), max_size=4), st.text("0123456789ABXZ", max_size=5), st.integers(-5, 200)
)
owns = st.builds(
    Own, st.sampled_from(["own", "database"]), st.frozensets(names, max_size=2),
    st.lists(st.text("0159AX", min_size=1, max_size=3), max_size=2).map(tuple),
    st.frozensets(st.integers(1, 200), max_size=2), st.none() | st.sampled_from(["INFO", "CRITICAL"]),
)  # fmt: skip


@given(st.lists(kinds, max_size=5), st.lists(owns, max_size=3))
def test_every_error_has_one_of_the_names(found: list[Kind], own: list[Own]) -> None:
    assert categories.category(found, own) in {*CATEGORIES, "own"}
    assert categories.severity(found, own) in ("ERROR", "CRITICAL", "INFO")
