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
        ("", "required", "'id' is required"),
        ("/more", "additionalProperties", "is a property that is not allowed"),
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


# schema, document, (pointer, keyword) of each mistake
POINTED: tuple[tuple[Any, Any, list[tuple[str, str]]], ...] = (
    ({"additionalProperties": {"type": "integer"}}, {"a": "x", "b": "y"}, [("/a", "type"), ("/b", "type")]),
    ({"additionalProperties": False}, {"b": 1, "a": 1},
     [("/a", "additionalProperties"), ("/b", "additionalProperties")]),
    ({"patternProperties": {"^k": {"type": "integer"}}}, {"k1": "x", "k2": "y"}, [("/k1", "type"), ("/k2", "type")]),
    ({"patternProperties": {"^k": {}}, "additionalProperties": False}, {"k": 1, "l": 1},
     [("/l", "additionalProperties")]),
    ({"propertyNames": {"maxLength": 2}}, {"abc": 1, "d/e~f": 1, "gh": 1},
     [("/abc", "propertyNames"), ("/d~1e~0f", "propertyNames")]),
    ({"properties": {"m": {"additionalProperties": {"properties": {"z": {"type": "integer"}}}}}},
     {"m": {"u1": {"z": "x"}, "u2": {"z": "y"}}}, [("/m/u1/z", "type"), ("/m/u2/z", "type")]),
    ({"unevaluatedProperties": False, "properties": {"a": {}}}, {"a": 1, "b": 1, "": 1},
     [("/", "unevaluatedProperties"), ("/b", "unevaluatedProperties")]),
    ({"unevaluatedProperties": {"type": "integer"}, "allOf": [{"properties": {"a": {}}}]}, {"a": "x", "b": "x", "c": 1},
     [("/b", "type")]),
    ({"items": {"type": "integer"}}, [1, "x"] + [2] * 8 + ["x"], [("/1", "type"), ("/10", "type")]),
    ({"properties": {"l": {"items": {"type": "integer"}}}, "required": ["z"]}, {"l": list("abcdefghijkl")},
     [("", "required"), *((f"/l/{at}", "type") for at in range(12))]),
    ({"additionalProperties": {"additionalProperties": {"type": "null"}}}, {"k" * 501: {"a": 1, "b": 1}},
     [("", "type")]),
    ({"additionalProperties": {"additionalProperties": {"type": "null"}}}, {"k" * 400: {"l" * 200: 1, "b": 1}},
     [("/" + "k" * 400 + "/b", "type"), ("/" + "k" * 400, "type")]),
)  # fmt: skip


@pytest.mark.parametrize("engine", ["jsonschema", "jsonschema-rs"])
@pytest.mark.parametrize(("schema", "document", "told"), POINTED, ids=range(len(POINTED)))
def test_every_mistake_has_the_pointer_of_its_place(
    tmp_path: Path, engine: str, schema: Any, document: Any, told: list[tuple[str, str]]
) -> None:
    site = Site(tmp_path, {"a/POST.json": schema}, engine=engine)
    found = errors(site.post("/a", document))
    assert [(error["pointer"], error["keyword"]) for error in found] == told
    assert all(set(error) == {"pointer", "message", "keyword", "part"} for error in found)
    assert len(POINTED) == 12


def test_names_of_the_client_stand_in_the_answer_and_not_on_record(tmp_path: Path, audit: Audit) -> None:
    files = {
        "a/POST.json": {"additionalProperties": {"additionalProperties": {"type": "null"}}},
        "b/POST.json": {"additionalProperties": False},
        "c/POST.files.json": {},
    }
    site = Site(tmp_path, files)
    assert errors(site.post("/a", {SECRET: {"x": 1}}))[0]["pointer"] == f"/{SECRET}/x"
    assert errors(site.post("/b", {SECRET: 1}))[0]["pointer"] == f"/{SECRET}"
    sent = (
        f'--x\r\nContent-Disposition: form-data; name="{SECRET}"; filename="a.png"\r\n\r\nno\r\n'
        f'--x\r\nContent-Disposition: form-data; name="{SECRET}"; filename="../a"\r\n\r\nno\r\n--x--\r\n'
    ).encode()
    answer = site.post("/c", sent, "multipart/form-data; boundary=x")
    assert [error["pointer"] for error in errors(answer)] == [f"/{SECRET}/0/filename", f"/{SECRET}/1/filename"]
    assert len(audit.decisions) == 3
    assert not any(SECRET in text for text in audit.texts)


def test_how_many_mistakes_there_are_is_no_secret(tmp_path: Path, audit: Audit) -> None:
    site = Site(tmp_path, {"token/GET.cookies.json": {"properties": {"a": {"type": "integer"}}}})
    assert site.ask("/token", HTTP_COOKIE="a=x").code == 400
    said = "1 violation(s) of token/GET.cookies.json, the first is 'type' at '/a'"
    assert [decision["reason"] for decision in audit.decisions] == [said]


def test_pages_say_what_documents_say(tmp_path: Path, audit: Audit) -> None:
    site = Site(tmp_path, {"a/GET.query.json": {"required": ["z"]}}, threats={"mode": "block"})
    page = site.ask("/a", HTTP_ACCEPT="text/html").body.decode()
    assert "<li>&#x27;z&#x27; is required</li>" in page
    page = site.ask("/b", query="q=%3Cscript%3Ealert(1)", HTTP_ACCEPT="text/html").body.decode()
    assert f"Decision: <code>{audit.decisions[-1]['id']}</code>" in page


SECRET = "hunter2-4711"
LEAKS: tuple[tuple[str, str, bytes, dict[str, Any]], ...] = (
    ("/orders", "POST", json.dumps({"id": SECRET}).encode(), {}),
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
    assert len(LEAKS) == 19


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


# schema -> what is answered to no body, to null, and to {}
ABSENCE: tuple[tuple[Any, int, int, int], ...] = (
    ({"required": ["id"]}, 400, 400, 400),
    ({"properties": {"id": {"type": "integer"}}}, 400, 400, 200),
    ({"type": "object"}, 400, 400, 200),
    ({"minProperties": 0}, 400, 400, 200),
    ({"type": ["object", "null"]}, 200, 200, 200),
    ({"anyOf": [{"type": "null"}, {"required": ["id"]}], "properties": {"id": {}}}, 200, 200, 400),
    ({"oneOf": [{"const": None}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "object"}}}, 200, 200, 200),
    ({"enum": [None, 1]}, 200, 200, 400),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"required": ["id"]}}}, 400, 400, 400),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": ["null", "array"]}}}, 200, 200, 400),
    ({"allOf": [{"type": ["null", "object"]}, {"required": ["id"]}]}, 200, 200, 400),
    ({"not": {"type": "null"}}, 400, 400, 200),
    ({"$defs": {"a": {"type": "null"}}, "required": ["id"]}, 400, 400, 400),
    ({"properties": {"id": {"type": "null"}}}, 400, 400, 200),
    ({"title": "anything", "x-threats": False}, 200, 200, 200),
    (True, 200, 200, 200),
    (False, 400, 400, 400),
)


@pytest.mark.parametrize("engine", ["jsonschema", "jsonschema-rs"])
@pytest.mark.parametrize(("schema", "absent", "null", "empty"), ABSENCE, ids=range(len(ABSENCE)))
def test_a_body_may_be_missing_where_its_schema_names_null(
    tmp_path: Path, engine: str, schema: Any, absent: int, null: int, empty: int
) -> None:
    site = Site(tmp_path, {"a/POST.json": schema}, engine=engine)
    ended: dict[str, Any] = {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}
    for keys in ({"CONTENT_TYPE": None}, {"CONTENT_TYPE": JSON}, {"CONTENT_TYPE": None, **ended},
                 {"CONTENT_TYPE": JSON, **ended}, {"CONTENT_TYPE": FORM, **ended}):  # fmt: skip
        answer = site.ask("/a", "POST", b"", **keys)
        assert answer.code == absent
        assert absent == 200 or [error["message"] for error in errors(answer)] == ["a body is required"]
    assert site.post("/a", None).code == null
    assert site.post("/a", {}).code == empty
    assert site.ask("/a", "POST", b"x", **{"CONTENT_TYPE": None, **ended}).code == 415
    assert len(ABSENCE) == 17
