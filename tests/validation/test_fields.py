"""Fields of queries, forms and cookies, decoded once."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.fields import as_object, native, parse_cookies, parse_fields
from wsgi_guard.validation.parse import Malformed

FIELDS = [
    ("", []),
    ("a=1", [("a", "1")]),
    ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
    ("a", [("a", "")]),
    ("=x", [("", "x")]),
    ("&&a=1&", [("a", "1")]),
    ("a=b=c", [("a", "b=c")]),
    ("a=1;b=2", [("a", "1;b=2")]),
    ("q=hello+world", [("q", "hello world")]),
    ("q=1%2B1", [("q", "1+1")]),
    ("q=%", [("q", "%")]),
    ("q=%zz%4", [("q", "%zz%4")]),
    ("q=%C3%BC", [("q", "ü")]),
    ("%61=%2561", [("a", "%61")]),
    ("q=%00", [("q", "\x00")]),
]


@pytest.mark.parametrize(("text", "fields"), FIELDS)
def test_fields_are_decoded_once(text: str, fields: list[tuple[str, str]]) -> None:
    assert parse_fields(text, 100) == fields


def test_all_field_cases_are_listed() -> None:
    assert len(FIELDS) == 15


@given(st.lists(st.tuples(st.text(), st.text())))
def test_fields_survive_their_encoding(fields: list[tuple[str, str]]) -> None:
    text = urlencode(fields, errors="replace")
    assert parse_fields(text, 1000) == parse_qsl(text, keep_blank_values=True)


def test_too_many_fields_are_refused() -> None:
    assert len(parse_fields("a=1&" * 2 + "a=1", 3)) == 3
    with pytest.raises(Malformed, match="more than 3 fields"):
        parse_fields("&" * 1_000_000, 3)


def test_broken_utf8_is_refused_or_replaced() -> None:
    with pytest.raises(Malformed, match="not UTF-8"):
        parse_fields("a=%ff", 10)
    assert parse_fields("a=%ff", 10, errors="replace") == [("a", "\ufffd")]


def test_raw_bytes_of_the_environ_are_utf8() -> None:
    assert native("\xc3\xbc") == "ü"
    assert native("\xff", errors="replace") == "\ufffd"
    for text in ("\xff", "\u20ac"):
        with pytest.raises(Malformed, match="not UTF-8"):
            native(text)


COOKIES = [
    ("", []),
    ("a=1; b=2", [("a", "1"), ("b", "2")]),
    ('a="x y"; b="', [("a", "x y"), ("b", '"')]),
    ("a=1;a=2", [("a", "1"), ("a", "2")]),
    ("token=abc==; flag", [("token", "abc==")]),
    ("=x; ;", []),
]


@pytest.mark.parametrize(("header", "cookies"), COOKIES)
def test_cookies_are_pairs_in_order(header: str, cookies: list[tuple[str, str]]) -> None:
    assert parse_cookies(header, 100) == cookies


def test_too_many_cookies_are_refused() -> None:
    with pytest.raises(Malformed, match="more than 2 cookies"):
        parse_cookies("a=1; b=2; c=3", 2)


def test_repeated_names_become_lists() -> None:
    assert as_object([("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")]) == {"a": ["1", "3", "4"], "b": "2"}
