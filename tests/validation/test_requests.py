"""Requests through a guard with schema files: which answer, which body is read, what the app is given."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from .asking import FORM, JSON, Audit, Site, errors

ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "note": {"type": "string", "maxLength": 40},
        "kind": {"default": "new"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}},
    },
    "required": ["id"],
    "additionalProperties": False,
}
PAGE = {
    "properties": {"page": {"type": "integer", "default": 1}, "tag": {"type": "array", "items": {"type": "integer"}}}
}
FILES = {
    "orders/POST.json": ORDER,
    "orders/GET.query.json": PAGE,
    "orders/{order_id}/GET.path.json": {"properties": {"order_id": {"type": "integer"}}},
    "signup/POST.form.json": {"properties": {"age": {"type": "integer"}}, "required": ["age"]},
    "both/POST.json": ORDER,
    "both/POST.form.json": {"required": ["age"]},
    "heads/GET.headers.json": {"properties": {"X-Shop": {"type": "integer"}}, "required": ["X-Shop"]},
    "cookies/GET.cookies.json": {"properties": {"n": {"type": "integer"}}},
    "optional/POST.json": {"type": ["object", "null"]},
    "all/POST.json": {"required": ["id"]},
    "all/POST.query.json": {"required": ["q"]},
}
SMALL: dict[str, Any] = {"max_body": 200, "max_depth": 4, "max_members": 20}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, FILES, **SMALL)


GOOD = json.dumps({"id": 1}).encode()
# path, body, environ keys, status
ANSWERS: tuple[tuple[str, bytes, dict[str, Any], int], ...] = (
    ("/orders", GOOD, {}, 200),
    ("/orders", b"\xef\xbb\xbf" + GOOD, {}, 200),
    ("/orders", GOOD, {"CONTENT_TYPE": "application/vnd.shop+json"}, 200),
    ("/orders", GOOD, {"CONTENT_TYPE": "application/json; charset=utf-8"}, 200),
    ("/orders", GOOD, {"HTTP_CONTENT_ENCODING": "identity"}, 200),
    ("/orders", b"{", {}, 400),
    ("/orders", GOOD + GOOD, {}, 400),
    ("/orders", b'{"id": 1, "id": 2}', {}, 400),
    ("/orders", b'{"id": NaN}', {}, 400),
    ("/orders", b'{"id": 1e999}', {}, 400),
    ("/orders", b'{"id": "\\ud800"}', {}, 400),
    ("/orders", b"\xff", {}, 400),
    ("/orders", b"", {}, 400),
    ("/orders", b"", {"CONTENT_TYPE": None}, 400),
    ("/orders", b"[[[[[]]]]]", {}, 400),
    ("/orders", b"[" + b"1," * 30 + b"1]", {}, 400),
    ("/orders", GOOD + b" " * 200, {}, 413),
    ("/orders", GOOD, {"CONTENT_LENGTH": "201"}, 413),
    ("/orders", GOOD, {"CONTENT_LENGTH": "99"}, 400),
    ("/orders", GOOD, {"CONTENT_LENGTH": "-1"}, 400),
    ("/orders", GOOD, {"CONTENT_LENGTH": "1e1"}, 400),
    ("/orders", GOOD, {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}, 411),
    (
        "/orders",
        GOOD,
        {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
        200,
    ),
    (
        "/orders",
        b"{",
        {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
        400,
    ),
    ("/orders", GOOD, {"CONTENT_TYPE": "text/plain"}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": None}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": FORM}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": "application/json, text/plain"}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": "multipart/form-data; boundary=x"}, 415),
    ("/orders", '{"id": 1}'.encode("utf-16"), {"CONTENT_TYPE": "application/json; charset=utf-16"}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": "application/json; charset=utf-7"}, 415),
    ("/orders", gzip.compress(GOOD, mtime=0), {"HTTP_CONTENT_ENCODING": "gzip"}, 415),
    ("/signup", b"age=3", {"CONTENT_TYPE": FORM}, 200),
    ("/signup", b"age=x", {"CONTENT_TYPE": FORM}, 400),
    ("/signup", b"age=%FF", {"CONTENT_TYPE": FORM}, 400),
    ("/signup", b"age=1&" * 21, {"CONTENT_TYPE": FORM}, 400),
    ("/signup", b"", {"CONTENT_TYPE": None}, 400),
    ("/signup", b'{"age": 3}', {}, 415),
    ("/both", b"age=3", {"CONTENT_TYPE": FORM}, 200),
    ("/both", GOOD, {}, 200),
    ("/both", b"id=3", {"CONTENT_TYPE": FORM}, 400),
    ("/both", b"x", {"CONTENT_TYPE": "text/plain"}, 415),
    ("/optional", b"", {"CONTENT_TYPE": None}, 200),
    ("/optional", b"null", {}, 200),
    ("/elsewhere", b"{", {}, 200),
)


@pytest.mark.parametrize(("path", "body", "keys", "code"), ANSWERS)
def test_bodies_are_answered_as_promised(site: Site, path: str, body: bytes, keys: dict[str, Any], code: int) -> None:
    lawful = keys.get("CONTENT_LENGTH") not in ("-1", "1e1")
    answer = site.ask(path, "POST", body, lawful=lawful, **{"CONTENT_TYPE": JSON, **keys})
    assert answer.code == code, answer.body
    assert site.calls == (code == 200)
    if code != 200:
        document = json.loads(answer.body)
        assert document["status"] == code
        assert document["request_id"] == answer.header("X-Request-ID")
        assert answer.header("Content-Type") == "application/problem+json"


def test_answers_are_whole() -> None:
    assert len(ANSWERS) == 45


def test_a_type_that_is_not_accepted_is_told_which_is(site: Site) -> None:
    assert site.post("/orders", b"x", "text/plain").header("Accept") == JSON
    assert site.post("/both", b"x", "text/plain").header("Accept") == f"{JSON}, {FORM}, multipart/form-data"
    encoded = site.post("/orders", b"x", JSON, HTTP_CONTENT_ENCODING="br")
    assert encoded.header("Accept-Encoding") == "identity"


def test_every_mistake_is_told_at_once(site: Site) -> None:
    answer = site.post("/orders", {"note": "x" * 41, "tags": ["long enough", 2], "more": 1})
    told = [(error["pointer"], error["keyword"], error["message"]) for error in errors(answer)]
    assert sorted(told) == [
        ("", "additionalProperties", "has a property that is not allowed"),
        ("", "required", "'id' is required"),
        ("/note", "maxLength", "must be at most 40 characters long"),
        ("/tags/0", "maxLength", "must be at most 5 characters long"),
        ("/tags/1", "type", "must be a string"),
    ]
    assert {error["part"] for error in errors(answer)} == {"body"}


def test_mistakes_of_all_parts_are_told(site: Site) -> None:
    told = errors(site.post("/all", {}))
    assert [(error["part"], error["message"]) for error in told] == [
        ("query", "'q' is required"),
        ("body", "'id' is required"),
    ]


def test_mistakes_have_a_stable_order_and_an_end(tmp_path: Path) -> None:
    schema = {
        "additionalProperties": {"type": "integer"},
        "properties": {f"p{n:02}": {"type": "null"} for n in range(30)},
    }
    site = Site(tmp_path, {"a/POST.json": schema})
    document = {f"p{n:02}": "x" for n in range(30)}
    told = errors(site.post("/a", document))
    assert len(told) == 20
    assert told == errors(site.post("/a", dict(reversed(document.items()))))


SECRET = "hunter2-4711"
LEAKS: tuple[tuple[str, str, bytes, dict[str, Any]], ...] = (
    ("/orders", "POST", json.dumps({"id": SECRET}).encode(), {}),
    ("/orders", "POST", json.dumps({"id": 1, SECRET: 1}).encode(), {}),
    ("/orders", "POST", json.dumps({"id": 1, "note": SECRET * 9}).encode(), {}),
    ("/orders", "POST", json.dumps({"id": 1, "tags": [{SECRET: {SECRET: 1}}]}).encode(), {}),
    ("/orders", "POST", f'{{"{SECRET}": 1, "{SECRET}": 2}}'.encode(), {}),
    ("/orders", "POST", f'{{"id": {SECRET}}}'.encode(), {}),
    ("/orders", "POST", GOOD, {"CONTENT_TYPE": f"text/{SECRET}"}),
    ("/orders", "POST", GOOD, {"CONTENT_TYPE": f"application/json; charset={SECRET}"}),
    ("/orders", "POST", GOOD, {"HTTP_CONTENT_ENCODING": SECRET}),
    ("/orders", "POST", GOOD, {"CONTENT_LENGTH": SECRET}),
    ("/orders", "GET", b"", {"QUERY_STRING": f"page={SECRET}"}),
    ("/orders", "GET", b"", {"QUERY_STRING": f"page=1&page={SECRET}"}),
    ("/signup", "POST", f"age={SECRET}".encode(), {"CONTENT_TYPE": FORM}),
    ("/signup", "POST", f"age={SECRET}%ff".encode(), {"CONTENT_TYPE": FORM}),
    ("/heads", "GET", b"", {"HTTP_X_SHOP": SECRET}),
    ("/cookies", "GET", b"", {"HTTP_COOKIE": f"n={SECRET}"}),
    ("/free", "GET", b"", {"QUERY_STRING": f"q='+or+'{SECRET}'='{SECRET}"}),
    ("/free", "GET", b"", {"QUERY_STRING": f"<script>alert('{SECRET}')</script>=1"}),
    ("/free", "POST", json.dumps({f"<script>{SECRET}</script>": 1}).encode(), {}),
    ("/free", "POST", json.dumps({"a": f"<script>{SECRET}</script>"}).encode(), {}),
)


@pytest.mark.parametrize(("path", "method", "body", "keys"), LEAKS)
def test_a_rejected_value_shows_in_no_answer_and_no_message(
    tmp_path: Path, audit: Audit, path: str, method: str, body: bytes, keys: dict[str, Any]
) -> None:
    site = Site(tmp_path, FILES, **SMALL, threats={"mode": "block"})
    answer = site.ask(path, method, body, lawful="CONTENT_LENGTH" not in keys, **{"CONTENT_TYPE": JSON, **keys})
    assert answer.code in (400, 403, 413, 415)
    assert SECRET.encode() not in answer.body
    assert SECRET not in repr(answer.headers)
    # The access line alone tells of the query, as every server's does.
    shown = [text for text in audit.texts if SECRET in text]
    assert len(shown) == ("QUERY_STRING" in keys)
    assert all("'wsgi_guard.access'" in text and "'target'" in text for text in shown)
    assert [verdict for verdict, _ in audit.kinds()] == ["deny"]
    assert len(LEAKS) == 20


def test_the_page_for_people_holds_no_value_either(site: Site) -> None:
    answer = site.post("/orders", {"id": SECRET}, HTTP_ACCEPT="text/html")
    assert answer.code == 400
    assert b"<code>/id</code>" in answer.body
    assert SECRET.encode() not in answer.body


# what the app is given


def test_the_app_reads_the_bytes_that_were_sent(site: Site) -> None:
    body = b' {"id":1 ,\n"note":"\\u0041"}\t'
    assert site.post("/orders", body).code == 200
    assert site.body == body
    assert site.validated == {"body": {"id": 1, "note": "A", "kind": "new"}}


def test_queries_are_converted_and_filled(site: Site) -> None:
    assert site.ask("/orders", query="tag=1&tag=2").code == 200
    assert site.validated == {"query": {"tag": [1, 2], "page": 1}}
    assert site.ask("/orders").code == 200
    assert site.validated == {"query": {"page": 1}}
    assert site.ask("/orders", query="page=x").code == 400


def test_other_parts_are_converted(site: Site) -> None:
    assert site.ask("/orders/12").code == 200
    assert site.validated == {"path": {"order_id": 12}}
    assert site.ask("/orders/x").code == 400
    assert site.ask("/heads", HTTP_X_SHOP="5").code == 200
    assert site.validated["headers"]["X-Shop"] == 5
    assert site.ask("/heads").code == 400
    assert site.ask("/cookies", HTTP_COOKIE="n=5; m=x").code == 200
    assert site.validated == {"cookies": {"n": 5, "m": "x"}}


def test_methods_without_a_file_pass(site: Site) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PROPFIND"):
        assert site.ask("/orders", method, b"{", lawful=False).code == 200
        assert site.validated == {}


def test_method_is_judged_whatever_its_case(site: Site) -> None:
    """Frameworks upper-case the method, and not every server refuses another."""
    assert [site.ask("/orders", method, b"{", lawful=False).code for method in ("POST", "post", "Post")] == [415] * 3


def test_head_is_judged_as_get(site: Site) -> None:
    assert site.ask("/orders", "HEAD", query="page=x").code == 400
    assert site.ask("/orders", "HEAD", query="page=2").code == 200
    assert site.validated == {"query": {"page": 2}}


def test_a_method_override_changes_nothing(site: Site) -> None:
    assert site.post("/orders", b"{", HTTP_X_HTTP_METHOD_OVERRIDE="PUT").code == 400
