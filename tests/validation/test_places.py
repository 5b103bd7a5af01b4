"""Which places of a request are looked at, in which disguise, and which are left alone."""

from __future__ import annotations

import json
from time import thread_time
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_guard.validation.fields import parse_fields
from wsgi_guard.validation.inspector import _PLAIN_QUERY
from wsgi_guard.validation.threats.classes import CLASSES
from wsgi_guard.validation.threats.screen import is_plain, screen, wordy_query

from .asking import FORM, JSON, Audit, Site

XSS = "<script>alert(1)</script>"
SQLI = "' or '1'='1"
BLOCK = {"mode": "block"}


def document(value: Any) -> bytes:
    return json.dumps(value).encode()


# name -> path, method, body, keys
PLACES: dict[str, tuple[str, str, bytes, dict[str, Any]]] = {
    "a segment": (f"/a/{SQLI}/b", "GET", b"", {}),
    "a path that climbs": ("/static/../../etc/passwd", "GET", b"", {}),
    "a path that is encoded again": ("/static/%2e%2e/%2e%2e/etc/passwd", "GET", b"", {}),
    "a query value": ("/", "GET", b"", {"QUERY_STRING": urlencode({"q": XSS})}),
    "a bare number": ("/", "GET", b"", {"QUERY_STRING": "id=1+or+1=1"}),
    "a number and words": ("/", "GET", b"", {"QUERY_STRING": "id=1+union+select+null"}),
    "a query name": ("/", "GET", b"", {"QUERY_STRING": urlencode({XSS: "1"})}),
    "a query without names": ("/", "GET", b"", {"QUERY_STRING": quote(XSS)}),
    "a second value": ("/", "GET", b"", {"QUERY_STRING": "q=1&q=" + quote(SQLI)}),
    "a value encoded twice": ("/", "GET", b"", {"QUERY_STRING": "q=" + quote(quote(XSS))}),
    "a value encoded thrice": ("/", "GET", b"", {"QUERY_STRING": "q=" + quote(quote(quote(XSS)))}),
    "raw bytes in a query": ("/", "GET", b"", {"QUERY_STRING": "q=\xff<script>"}),
    "a JSON value": ("/", "POST", document({"a": [{"b": XSS}]}), {}),
    "a JSON name": ("/", "POST", document({XSS: 1}), {}),
    "a JSON text": ("/", "POST", document(SQLI), {}),
    "the first of two members": ("/", "POST", b'{"a": "<script>x</script>", "a": "b"}', {}),
    "a JSON escape": ("/", "POST", b'{"a": "\\u003cscript\\u003e"}', {}),
    "broken JSON": ("/", "POST", b'{"a": "<script>x</script>"', {}),
    "a second document": ("/", "POST", b'{} {"a": "<script>x</script>"}', {}),
    "nested too deep": ("/", "POST", b"[" * 70 + b'"<script>"' + b"]" * 70, {}),
    "too many members": ("/", "POST", b"[" + b"1," * 10_001 + b'"<script>"]', {}),
    "vendor JSON": ("/", "POST", document({"a": XSS}), {"CONTENT_TYPE": "application/vnd.x+json"}),
    "lines": ("/", "POST", b'{"a": 1}\n{"a": "<script>"}\n', {"CONTENT_TYPE": "application/x-ndjson"}),
    "text": ("/", "POST", XSS.encode(), {"CONTENT_TYPE": "text/plain"}),
    "JSON called text": ("/", "POST", document({"a": SQLI}), {"CONTENT_TYPE": "text/plain"}),
    "a form value": ("/", "POST", urlencode({"a": SQLI}).encode(), {"CONTENT_TYPE": FORM}),
    "a form name": ("/", "POST", urlencode({XSS: "a"}).encode(), {"CONTENT_TYPE": FORM}),
    "a form that is no text": ("/", "POST", b"a=%ff<script>", {"CONTENT_TYPE": FORM}),
    "a form with many fields": ("/", "POST", b"a&" * 10_001 + b"<script>", {"CONTENT_TYPE": FORM}),
    "the user agent": ("/", "GET", b"", {"HTTP_USER_AGENT": XSS}),
    "a browser's user agent": ("/", "GET", b"", {"HTTP_USER_AGENT": f"Mozilla/5.0 (X11; Linux) {XSS}"}),
    "shellshock": ("/", "GET", b"", {"HTTP_USER_AGENT": "() { :; }; /bin/ls -la"}),
    "a referer's query": ("/", "GET", b"", {"HTTP_REFERER": "https://x.example/?q=" + quote(XSS)}),
    "a cookie": ("/", "GET", b"", {"HTTP_COOKIE": f"a=1; b={SQLI}"}),
    "a forwarded host": ("/", "GET", b"", {"HTTP_X_FORWARDED_HOST": XSS}),
    "a body of GET": ("/", "GET", document({"a": XSS}), {}),
    "a chunked body": (
        "/", "POST", document(XSS),
        {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
    ),
    "a method of one's own": ("/", "PURGE", document({"a": XSS}), {}),
    "a loop of cmd.exe": ("/", "POST", document({"a": 'for /f "tokens=1" %a in (list.txt) do @echo %a'}), {}),
    "a place behind innocent ones": ("/", "POST", document({"a": "O'Brien", "b": ["it's", XSS]}), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_attacks_are_found_where_they_stand(audit: Audit, name: str) -> None:
    path, method, body, keys = PLACES[name]
    site = Site(None, threats=BLOCK)
    for _ in range(2):
        answer = site.ask(path, method, body, lawful=method != "PURGE", **{"CONTENT_TYPE": JSON, **keys})
        assert answer.code == 403, audit.texts
        assert json.loads(answer.body)["decision"] == f"{answer.header('X-Request-ID')}-1"
    assert site.calls == 0
    assert [verdict for verdict, _ in audit.kinds()] == ["deny", "deny"]
    assert len(PLACES) == 40


NOWHERE: tuple[dict[str, Any], ...] = (
    {"HTTP_ACCEPT": XSS},
    {"HTTP_AUTHORIZATION": SQLI},
    {"HTTP_IF_NONE_MATCH": SQLI},
    {"HTTP_SEC_CH_UA": '"Chromium";v="1", "Not=A?Brand";v="9"'},
    {"HTTP_REFERER": "https://x.example/o'brien;a=(b)"},
    {"HTTP_COOKIE": "_ga=GA1.2.3; s=eyJhIjoxfQ.abc; p=%7B%22a%22%3A1%7D"},
    {"HTTP_USER_AGENT": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1"},
    {"QUERY_STRING": "q=O'Brien&next=/a/b?c=d&name=D%C3%BCrer&x=1;2"},
    {"PATH_INFO": "/O'Brien/caf\xc3\xa9/select from menu/a..b"},
)


@pytest.mark.parametrize("keys", NOWHERE)
def test_ordinary_requests_pass_without_a_word(audit: Audit, keys: dict[str, Any]) -> None:
    rest = {key: value for key, value in keys.items() if key != "PATH_INFO"}
    assert Site(None, threats=BLOCK).ask(keys.get("PATH_INFO", "/"), **rest).code == 200
    assert audit.decisions == []
    assert len(NOWHERE) == 9


def test_shadow_tells_place_and_rule_and_lets_everything_pass(audit: Audit) -> None:
    site = Site(None)
    body = document({"text": XSS, "list": [1, SQLI]})
    assert site.post("/a", body, query="q=" + quote(SQLI)).code == 200
    assert site.body == body
    told = {(decision["rule"], decision["reason"].rpartition(" ")[0]) for decision in audit.decisions}
    assert told == {("sqli", "query/q"), ("xss", "body/text"), ("sqli", "body/list/1")}
    assert {decision["verdict"] for decision in audit.decisions} == {"shadow"}


EXCLUDE = [
    {"path": "/posts", "part": "body", "pointer": "/text", "classes": ["xss"]},
    {"path": "/free/{rest+}"},
    {"path": "/agents", "part": "headers", "pointer": "/user-agent"},
]
QUERY = urlencode({"q": XSS})
# path, method, body, keys, status: no other spelling of an excused path is excused
SPELLED: tuple[tuple[str, str, Any, dict[str, Any], int], ...] = (
    ("/posts", "POST", {"text": XSS}, {}, 200),
    ("/posts/", "POST", {"text": XSS}, {}, 200),
    ("//posts", "POST", {"text": XSS}, {}, 403),
    ("/x/../posts", "POST", {"text": XSS}, {}, 403),
    ("/posts;x", "POST", {"text": XSS}, {}, 403),
    ("/%70osts", "POST", {"text": XSS}, {}, 403),
    ("/free/a", "GET", None, {"QUERY_STRING": QUERY}, 200),
    ("/free/../a", "GET", None, {"QUERY_STRING": QUERY}, 403),
    ("/free/a", "GET", None, {"QUERY_STRING": QUERY, "RAW_URI": "/free%2Fa?" + QUERY}, 403),
    ("/free/a", "GET", None, {"QUERY_STRING": QUERY, "RAW_URI": "/free/a?x=%2F&" + QUERY}, 200),
    ("/agents", "GET", None, {"HTTP_USER_AGENT": XSS}, 200),
    ("/agents", "GET", None, {"HTTP_COOKIE": "a=" + SQLI}, 403),
)


@pytest.mark.parametrize(("path", "method", "body", "keys", "code"), SPELLED)
def test_only_the_path_that_is_named_is_excused(
    path: str, method: str, body: Any, keys: dict[str, Any], code: int
) -> None:
    site = Site(None, threats={**BLOCK, "exclude": EXCLUDE})
    sent = b"" if body is None else document(body)
    assert site.ask(path, method, sent, **{"CONTENT_TYPE": JSON, **keys}).code == code
    assert len(SPELLED) == 12


def test_an_excused_header_is_not_remembered_as_innocent() -> None:
    site = Site(None, threats={**BLOCK, "exclude": EXCLUDE})
    assert site.ask("/agents", HTTP_USER_AGENT=XSS).code == 200
    assert site.ask("/", HTTP_USER_AGENT=XSS).code == 403


# the quick look at a query, and time

QUERY_PIECES = st.sampled_from([
    "a", "1", "or", "union", "select", "=", "&", "+", "%20", "%3A", "%3D", "%26", "%27", "%2B", "%2D", "'", "-", ".",
    "%", "<", "é", ",",
])  # fmt: skip


@given(st.lists(QUERY_PIECES, max_size=14).map("".join))
@example("id=1+or+1=1")
@example("a=1%20or%201=1")
@example("a==b")
def test_a_query_that_is_not_looked_at_holds_only_plain_fields(query: str) -> None:
    if _PLAIN_QUERY.fullmatch(query):
        fields = parse_fields(query, 100)
        assert all(is_plain(text) or wordy_query(query) for field in fields for text in field)


@given(st.lists(st.tuples(st.text("abc 12.,-", min_size=1), st.text("abc 12.,:@-")), min_size=1, max_size=4))
def test_an_ordinary_query_is_not_looked_at(pairs: list[tuple[str, str]]) -> None:
    assert _PLAIN_QUERY.fullmatch(urlencode(pairs))


@pytest.mark.parametrize("seed", ["a", "=", "&", "%20", "a=1&", "%2", "a=%20&", "==", "+=", "a=b=", "é"])
def test_the_quick_look_takes_linear_time(seed: str) -> None:
    start = thread_time()
    _PLAIN_QUERY.fullmatch((seed * 131_072)[:131_072] + "!")
    assert thread_time() - start < 0.5


PIECES = (b"<", b"'", b'"', b" ", b"onon", b"../", b"(", b"1", b"&", b"=", b"%", b"\\", b"' or ", b"{", b"[", b"%3C")


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("kind", [JSON, FORM, "text/plain", "application/x-ndjson"])
def test_the_largest_body_that_is_looked_at_takes_no_second(piece: bytes, kind: str) -> None:
    site = Site(None, threats=BLOCK)
    body = (piece * 131_072)[:131_072]
    start = thread_time()
    assert site.post("/a", body, kind).code in (200, 403)
    assert thread_time() - start < 1


@given(st.lists(st.sampled_from([XSS, SQLI, "; cat /etc/passwd", "../../etc/passwd", "x)(|(cn=*))", "a", " "])))
def test_one_more_encoding_hides_nothing(pieces: list[str]) -> None:
    text = "".join(pieces)
    for kind in CLASSES:
        if screen(text, (kind,)):
            assert screen(quote(text), (kind,))
            assert screen(quote(quote(text)), (kind,))
