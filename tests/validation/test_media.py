"""What Content-Type headers announce."""

from __future__ import annotations

import pytest

from wsgi_guard.validation.media import media

CASES = [
    ("application/json", "json", True),
    ("Application/JSON ; charset=UTF-8", "json", True),
    ('application/json;charset="utf-8"', "json", True),
    ("application/json; charset=us-ascii", "json", True),
    ("application/json; charset=utf-16", "json", False),
    ("application/json; charset=utf-7", "json", False),
    ("application/json; charset=utf-8; charset=utf-16", "json", False),
    ("application/json; CHARSET=latin-1", "json", False),
    ("application/problem+json", "json", True),
    ("application/vnd.api+json; version=1", "json", True),
    ("application/json, text/plain", "text", True),
    ("text/plain, application/x+json", "json", True),
    ("application/jsonp", "text", True),
    ("application/x-ndjson", "lines", True),
    ("application/x-www-form-urlencoded", "form", True),
    ("multipart/form-data; boundary=x", "multipart", True),
    ("multipart/mixed", "mixed", True),
    ("text/plain", "text", True),
    ("text/html; charset=iso-8859-1", "text", False),
    ("application/octet-stream", "other", True),
    ("json", "text", True),
    ("", "none", True),
    (";charset=utf-8", "none", True),
]


@pytest.mark.parametrize(("header", "kind", "readable"), CASES)
def test_content_types_are_told_apart(header: str, kind: str, readable: bool) -> None:
    assert media(header)[:2] == (kind, readable)
    assert media(header)[:2] == (kind, readable)


def test_all_types_are_listed() -> None:
    assert len(CASES) == 23


def test_memory_of_types_is_bounded() -> None:
    from wsgi_guard.validation import media as module

    for number in range(1000):
        media(f"application/x-{number}")
    media("x" * 100_000)
    assert len(module._cache) <= 256
    assert max(map(len, module._cache)) <= 128
