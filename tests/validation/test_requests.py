"""Requests through a guard with schema files: which answer, which body is read, what the app is given."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import PLAIN, request, serve
from wsgi_guard import Guard

from .asking import FORM, JSON, Audit, Site, errors, schema_folder

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
PAGE = {"properties": {"page": {"type": "integer", "default": 1}, "tag": {"type": "array", "items": {"type": "integer"}}}}
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
SMALL = {"max_body": 200, "max_depth": 4, "max_members": 20}


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
    ("/orders", GOOD, {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}, 200),
    ("/orders", b"{", {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}, 400),
    ("/orders", GOOD, {"CONTENT_TYPE": "text/plain"}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": None}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": FORM}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": "application/json, text/plain"}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": "multipart/form-data; boundary=x"}, 415),
    ("/orders", '{"id": 1}'.encode("utf-16"), {"CONTENT_TYPE": "application/json; charset=utf-16"}, 415),
    ("/orders", GOOD, {"CONTENT_TYPE": "application/json; charset=utf-7"}, 415),
    ("/orders", gzip.compress(GOOD), {"HTTP_CONTENT_ENCODING": "gzip"}, 415),
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
    assert site.post("/both", b"x", "text/plain").header("Accept") == f"{JSON}, {FORM}"
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
    assert [(error["part"], error["message"]) for error in told] == [("query", "'q' is required"), ("body", "'id' is required")]


def test_mistakes_have_a_stable_order_and_an_end(tmp_path: Path) -> None:
    schema = {"additionalProperties": {"type": "integer"}, "properties": {f"p{n:02}": {"type": "null"} for n in range(30)}}
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
def test_a_rejected_value_shows_nowhere(
    tmp_path: Path, audit: Audit, path: str, method: str, body: bytes, keys: dict[str, Any]
) -> None:
    site = Site(tmp_path, FILES, **SMALL, threats={"mode": "block"})
    answer = site.ask(path, method, body, lawful="CONTENT_LENGTH" not in keys, **{"CONTENT_TYPE": JSON, **keys})
    assert answer.code in (400, 403, 413, 415)
    assert SECRET.encode() not in answer.body
    assert SECRET not in repr(answer.headers)
    assert [text for text in audit.texts if SECRET in text] == []
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
    for method in ("PUT", "DELETE", "OPTIONS", "post", "PROPFIND"):
        assert site.ask("/orders", method, b"{", lawful=False).code == 200
        assert site.validated == {}


def test_head_is_judged_as_get(site: Site) -> None:
    assert site.ask("/orders", "HEAD", query="page=x").code == 400
    assert site.ask("/orders", "HEAD", query="page=2").code == 200
    assert site.validated == {"query": {"page": 2}}


def test_a_method_override_changes_nothing(site: Site) -> None:
    assert site.post("/orders", b"{", HTTP_X_HTTP_METHOD_OVERRIDE="PUT").code == 400


# paths

TRICKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/orders/", {}),
    ("//orders", {}),
    ("/./orders", {}),
    ("/x/../orders", {}),
    ("/orders;v=1", {}),
    ("/orders;", {}),
    ("/orders/.", {}),
    ("/%6Frders", {}),
    ("/%256Frders", {}),
    ("/x/%2e%2e/orders", {}),
    ("/orders%2F", {}),
    ("/orders//", {}),
    ("orders", {}),
    ("/orders", {"RAW_URI": "/%6frders"}),
    ("/orders", {"REQUEST_URI": "//orders"}),
    ("", {"SCRIPT_NAME": "/orders"}),
    ("/orders", {"SCRIPT_NAME": ""}),
)


@pytest.mark.parametrize(("path", "keys"), TRICKS)
def test_no_spelling_of_a_path_slips_past_its_schema(tmp_path: Path, path: str, keys: dict[str, Any]) -> None:
    folder = schema_folder(tmp_path, FILES)
    guard = Guard(ok, {"guard": {"layers": ["validation"]}, "validation": {"schemas": str(folder)}})
    # without the checker: PEP 3333 wants a "/" in front, and some servers do not
    answer = serve(guard, request(path, "POST", b"{", CONTENT_TYPE=JSON, **keys))
    assert answer.code == 400
    assert len(TRICKS) == 17


def test_a_path_with_two_readings_is_refused(tmp_path: Path, audit: Audit) -> None:
    site = Site(tmp_path, {"a/{x}/POST.json": {"type": "integer"}, "a/b/c/POST.json": {"type": "string"}})
    keys = {"RAW_URI": "/a/b%2Fc"}
    assert site.post("/a/b/c", "x").code == 200
    assert site.post("/a/b/c", "x", **keys).code == 400
    assert site.post("/a/b/c", 1, **keys).code == 400
    assert ("deny", "path") in audit.kinds()


def test_one_reading_without_schema_meets_that_of_the_other(tmp_path: Path) -> None:
    site = Site(tmp_path, {"a/{x}/POST.json": {"type": "integer"}})
    keys = {"RAW_URI": "/a/b%2Fc"}
    assert site.post("/a/b/c", "x", **keys).code == 400
    assert site.post("/a/b/c", 1, **keys).code == 200


def test_the_most_specific_file_describes_a_path(tmp_path: Path) -> None:
    files = {"a/b/POST.json": {"type": "null"}, "a/{x}/POST.json": {"type": "integer"}, "{r+}/POST.json": {"type": "string"}}
    site = Site(tmp_path, files)
    assert [site.post(path, body).code for path, body in (("/a/b", None), ("/a/c", 1), ("/x/y/z", "t"))] == [200] * 3
    assert [site.post(path, body).code for path, body in (("/a/b", 1), ("/a/c", "t"), ("/x", 1))] == [400] * 3


# the guard's own paths

def test_the_guards_own_paths_are_exempt(tmp_path: Path) -> None:
    site = Site(tmp_path, {"{rest+}/GET.query.json": {"required": ["q"]}}, threats={"mode": "block"})
    assert site.ask("/livez").code == 200
    assert site.ask("/livez", query="a=<script>alert(1)</script>").code == 200
    assert site.calls == 0
    assert site.ask("/livez/x").code == 400
    assert site.ask("//livez").code == 400


# which bodies are read

def ok(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [PLAIN])
    return [b"ok"]


class Untouchable(io.RawIOBase):
    """A stream that tells whether anybody read it."""

    touched = False

    def read(self, size: int = -1) -> bytes:
        self.touched = True
        return b""

    readline = read


UNREAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("an upload", {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": "100"}),
    ("a picture", {"CONTENT_TYPE": "image/png", "CONTENT_LENGTH": "100"}),
    ("bytes", {"CONTENT_TYPE": "application/octet-stream", "CONTENT_LENGTH": "100"}),
    ("no type", {"CONTENT_LENGTH": "100"}),
    ("a large document", {"CONTENT_TYPE": JSON, "CONTENT_LENGTH": str(128 * 1024 + 1)}),
    ("an endless document", {"CONTENT_TYPE": JSON, "HTTP_TRANSFER_ENCODING": "chunked"}),
    ("an encoded document", {"CONTENT_TYPE": JSON, "CONTENT_LENGTH": "100", "HTTP_CONTENT_ENCODING": "gzip"}),
    ("another charset", {"CONTENT_TYPE": f"{JSON}; charset=utf-16", "CONTENT_LENGTH": "100"}),
)


@pytest.mark.parametrize(("name", "keys"), UNREAD)
def test_a_body_nobody_asks_for_is_not_read(audit: Audit, name: str, keys: dict[str, Any]) -> None:
    stream = Untouchable()
    seen: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"])
        return ok(environ, start_response)

    guard = Guard(app, {"guard": {"layers": ["validation"]}, "validation": {"threats": {"mode": "block"}}})
    answer = serve(guard, request("/up", "POST", **{"wsgi.input": stream, **keys}))
    assert (answer.code, stream.touched) == (200, False)
    assert seen == [stream]
    assert audit.kinds() == [("unscanned", "body")]
    assert len(UNREAD) == 8


@pytest.mark.parametrize("keys", [{}, {"CONTENT_LENGTH": "0"}, {"CONTENT_TYPE": JSON}, {"CONTENT_LENGTH": ""}])
def test_a_request_without_body_is_not_read_and_not_counted(audit: Audit, keys: dict[str, Any]) -> None:
    stream = Untouchable()
    guard = Guard(ok, {"guard": {"layers": ["validation"]}})
    for method in ("GET", "POST"):
        assert serve(guard, request("/a", method, **{"wsgi.input": stream, **keys})).code == 200
    assert not stream.touched
    assert audit.kinds() == []


@pytest.mark.parametrize(("name", "keys"), UNREAD[4:])
def test_beyond_refuse_takes_nothing_unseen(name: str, keys: dict[str, Any]) -> None:
    threats = {"mode": "block", "beyond": "refuse"}
    guard = Guard(ok, {"guard": {"layers": ["validation"]}, "validation": {"threats": threats}})
    answer = serve(guard, request("/up", "POST", **{"wsgi.input": Untouchable(), **keys}))
    assert answer.code in (411, 413, 415)


def test_a_body_without_schema_is_not_judged_by_its_form(audit: Audit) -> None:
    site = Site(None, threats={"mode": "block"})
    for kind, body in ((JSON, b"{"), (JSON, b"\xff"), (JSON, b'{"a":1,"a":2}'), (FORM, b"%FF=%"), ("text/plain", b"\x00\xff")):
        assert site.post("/free", body, kind).code == 200
        assert site.body == body
    assert [verdict for verdict, _ in audit.kinds() if verdict == "deny"] == []


def test_nothing_is_read_when_threats_are_off(audit: Audit, tmp_path: Path) -> None:
    folder = schema_folder(tmp_path, FILES)
    settings = {"validation": {"schemas": str(folder), "threats": {"mode": "off"}}, "guard": {"layers": ["validation"]}}
    stream = Untouchable()
    environ = request("/free", "POST", CONTENT_TYPE=JSON, CONTENT_LENGTH="9", **{"wsgi.input": stream})
    assert serve(Guard(ok, settings), environ).code == 200
    assert (stream.touched, audit.kinds()) == (False, [])


def test_a_layer_with_nothing_to_do_is_absent() -> None:
    assert "validation" not in repr(Guard(ok, {"validation": {"threats": {"mode": "off"}}}))
    assert "validation" in repr(Guard(ok, {}))
