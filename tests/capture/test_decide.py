"""Category, severity and fingerprint of an error, and which exceptions belong together: values in, values out."""

from __future__ import annotations

import itertools
import json
import socket
import sqlite3
import ssl
import urllib.error
from typing import Any

import psycopg
import psycopg_pool
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.capture import categories, decide
from wsgi_guard.capture.categories import Kind
from wsgi_guard.capture.family import LIMIT, descends, family, related, wraps
from wsgi_guard.capture.refusal import explained, is_meant, outage_cause, told_elsewhere
from wsgi_guard.capture.seen import Entry
from wsgi_guard.errors import Outage, Refused


def lineage(kind: type[BaseException]) -> list[tuple[str, str]]:
    return [(base.__module__, base.__name__) for base in kind.__mro__]


def category(*kinds: type[BaseException]) -> str:
    return categories.category([Kind(lineage(kind)) for kind in kinds])


class ValidationError(Exception):
    pass


class Unauthorized(Exception):
    pass


CATEGORIES: list[tuple[type[BaseException], str]] = [
    (psycopg.OperationalError, "database"),
    (psycopg.errors.UniqueViolation, "database"),
    (psycopg_pool.PoolTimeout, "database"),
    (sqlite3.OperationalError, "database"),
    (redis.ConnectionError, "network"),
    (redis.TimeoutError, "timeout"),
    (ConnectionResetError, "network"),
    (socket.gaierror, "network"),
    (ssl.SSLError, "network"),
    (urllib.error.URLError, "network"),
    (TimeoutError, "timeout"),
    (MemoryError, "memory"),
    (ValidationError, "validation"),
    (json.JSONDecodeError, "validation"),
    (Unauthorized, "authentication"),
    (TypeError, "programming"),
    (KeyError, "programming"),
    (ZeroDivisionError, "programming"),
    (UnicodeDecodeError, "programming"),
    (RecursionError, "programming"),
    (RuntimeError, "other"),
    (OSError, "other"),
    (Exception, "other"),
]


def test_category_follows_the_type() -> None:
    assert len(CATEGORIES) == 23
    assert [(kind, category(kind)) for kind, _ in CATEGORIES] == CATEGORIES


def test_cause_tells_where_the_type_does_not() -> None:
    assert category(RuntimeError, psycopg.OperationalError) == "database"
    assert category(TypeError, psycopg.OperationalError) == "programming"
    assert category() == "other"


def test_severity_is_always_a_level() -> None:
    wanted = ["CRITICAL", "ERROR", "ERROR", "ERROR"]
    values: list[Any] = ["critical", "ERROR", "loud", None]
    assert [decide.severity(value) for value in values] == wanted


def test_unseen_500_is_graver_than_503() -> None:
    assert [decide.unseen(code) for code in (500, 501, 502, 503, 504)] == [
        ("ERROR", "other"), ("WARNING", "other"), ("WARNING", "external"), ("WARNING", "other"), ("WARNING", "timeout"),
    ]  # fmt: skip


def test_fingerprint_ignores_the_depth_of_recursion() -> None:
    assert decide.fingerprint(["E"], ["a", "b", "b", "c"]) == decide.fingerprint(["E"], ["a", "b", "b", "b", "c"])
    assert decide.fingerprint(["E"], ["a", "b", "c", "b", "c"]) == decide.fingerprint(["E"], ["a", "b", "c"])


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4), st.text())
def test_fingerprint_differs_by_type_and_way(kinds: list[str], frames: list[str], more: str) -> None:
    found = decide.fingerprint(kinds, frames)
    assert len(found) == 16
    assert int(found, 16) >= 0
    assert found != decide.fingerprint([*kinds, f"{more}x"], frames) or more == ""


def chained(*errors: BaseException) -> BaseException:
    for newer, older in itertools.pairwise(errors):
        newer.__cause__ = older
    return errors[0]


def test_family_ends_in_a_circle() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert [relative.error for relative in family(first)] == [first, second]
    assert related(first, second)
    assert wraps(first, second)


def test_family_is_bounded() -> None:
    chain = [ValueError(str(number)) for number in range(1000)]
    assert len(family(chained(*chain))) == LIMIT
    group = ExceptionGroup("many", chain)
    assert len(family(group)) == LIMIT
    nested: Exception = ValueError("inner")
    for _ in range(500):
        nested = ExceptionGroup("deep", [nested])
    assert len(family(nested)) == LIMIT


def test_suppressed_context_is_related_but_not_shown() -> None:
    hidden, shown = KeyError("k"), LookupError("l")
    shown.__context__, shown.__suppress_context__ = hidden, True
    assert [relative.error for relative in family(shown)] == [shown]
    assert descends(shown, hidden)
    assert not wraps(shown, hidden)


def test_members_of_a_group_are_related() -> None:
    member = ValueError("m")
    group = ExceptionGroup("g", [member])
    assert (related(member, group), wraps(group, member), wraps(member, group)) == (True, True, False)


def entry(error: BaseException, noted: Refused | None = None, *, raised: bool = False, told: bool = False) -> Entry:
    made = Entry(error, noted)
    made.raised, made.told = raised, told
    return made


def test_refusal_is_meant_when_nothing_else_was_raised() -> None:
    noted, other = Refused(429, "often"), ValueError("x")
    wrapper = chained(RuntimeError("r"), noted)
    assert is_meant([], noted, None)
    assert is_meant([entry(wrapper, noted, raised=True)], noted, None)
    assert not is_meant([entry(other, noted)], noted, None)
    assert not is_meant([entry(other, noted, raised=True), entry(wrapper, noted, raised=True)], noted, None)


def test_what_came_before_the_refusal_does_not_count() -> None:
    noted, other = Refused(429, "often"), ValueError("x")
    assert is_meant([entry(other, None)], noted, None)
    assert is_meant([entry(other, Refused(403, "no"), raised=True)], noted, None)


def test_what_the_app_coped_with_does_not_count() -> None:
    noted, other, gone = Outage("db"), ValueError("x"), OSError("gone")
    assert is_meant([entry(other, noted), entry(gone, noted, raised=True)], noted, gone)
    assert is_meant([entry(other, noted, told=True)], noted, gone)


def test_error_is_explained_by_refusal_or_cause() -> None:
    noted, gone = Outage("db"), OSError("gone")
    assert explained(chained(RuntimeError("r"), gone), noted, gone)
    assert explained(noted, noted, None)
    assert not explained(ValueError("x"), noted, gone)


def test_only_an_outage_has_a_cause() -> None:
    gone = OSError("gone")
    outage = Outage("db")
    assert outage_cause(outage, gone) is gone
    assert outage_cause(outage, outage) is None
    assert outage_cause(chained(outage, gone), outage) is gone  # type: ignore[arg-type]
    assert outage_cause(Refused(503, "closed"), gone) is None
    assert outage_cause(None, gone) is None


@pytest.mark.parametrize("explicit", [True, False])
def test_wrapper_on_purpose_tells_its_cause(explicit: bool) -> None:
    first, second = ValueError("1"), RuntimeError("2")
    if explicit:
        second.__cause__ = first
    second.__context__ = first
    assert told_elsewhere(entry(first), [entry(second)], None) is explicit
    refusal = Refused(403, "no")
    second.__cause__ = refusal if explicit else None
    second.__context__ = refusal
    assert told_elsewhere(entry(second), [], refusal) is explicit
