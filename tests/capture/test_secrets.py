"""What a request brought under secret names in its body, whole, long or broken."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from tests.support.pace import seconds
from wsgi_guard.capture.secrets import BODY, secrets_of
from wsgi_guard.redact import Redactor

SECRET = 'xyz"zy \\ \u00e9 of the client'
WHOLE = json.dumps({"password": SECRET, "pad": "x" * 30_000})
BODIES = [
    WHOLE,
    json.dumps({"pad": ["y"] * 40_000, "inner": {"password": SECRET}}),
    json.dumps({"password": SECRET, "pad": "x" * (2 * BODY)}),
    WHOLE.replace("}", ", trailing"),
    json.dumps({"a": "b", "password": SECRET}, ensure_ascii=False)[:-1],
    json.dumps([{"password": {"value": [SECRET]}}]),
]


def brought(body: str) -> tuple[str, ...]:
    environ: dict[str, Any] = {"CONTENT_TYPE": "application/json", "wsgi.input": BytesIO(body.encode())}
    return secrets_of(environ, Redactor())


@pytest.mark.parametrize("body", BODIES)
def test_secret_of_a_body_is_known(body: str) -> None:
    assert SECRET in brought(body)
    assert len(BODIES) == 6


def test_number_under_a_secret_name_is_known() -> None:
    assert brought('{"otp": 482913, "n": 550077, "password": true}') == ("482913",)


def test_many_cookies_hide_no_other_secret() -> None:
    cookies = "; ".join(f"analytics{number}=value%20{number:06}" for number in range(60))
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "wsgi.input": BytesIO(b"password=of-the-form")}
    found = secrets_of({"HTTP_COOKIE": cookies, "QUERY_STRING": "token=of-the-query", **form}, Redactor())
    assert {"of-the-query", "of-the-form", "value 000007"} <= set(found)


@pytest.mark.parametrize("part", ['"', '\\"', '"a":', '"password":"', "\\", '{"a":'])
def test_hostile_bodies_are_looked_through_in_linear_time(part: str) -> None:
    assert seconds(brought, part, BODY) < 1.0
