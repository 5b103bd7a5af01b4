"""Documents made to hurt: nested, doubling, endless, odd numbers; and no thread sees another's check."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from .asking import FORM, JSON, Site, errors

NODE = {"type": "object", "properties": {"value": {"type": "integer"}, "below": {"$ref": "#/$defs/list"}}}
TREE = {
    "$defs": {"node": NODE, "list": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
    "$ref": "#/$defs/node",
    "additionalProperties": False,
    "properties": {
        "value": True,
        "below": True,
        "more": {"default": 1},
        "when": {"format": "date-time"},
        "unique": {"uniqueItems": True},
        "money": {"multipleOf": 0.01},
        "any": {"anyOf": [{"type": "null"}, {"$ref": "#"}]},
    },
}
DOUBLING = {"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "maxProperties": 1}
FILES = {
    "tree/POST.json": TREE,
    "double/POST.json": DOUBLING,
    "form/POST.form.json": {
        "properties": {"n": {"type": "number"}, "l": {"type": "array", "items": {"type": "integer"}}}
    },
    "query/GET.query.json": {"properties": {"n": {"type": "number", "multipleOf": 0.1}, "flag": {"type": "boolean"}}},
    "heads/GET.headers.json": {"properties": {"x-a": {"type": "integer"}}},
    "cookies/GET.cookies.json": {"properties": {"a": {"type": "integer"}}},
    "path/{a}/{b+}/GET.path.json": {"properties": {"a": {"type": "integer"}}},
}
# All of them in the soak run, a twentieth in the suite.
EXAMPLES = 100_000 if os.environ.get("WSGI_GUARD_SOAK") else 5_000
_many = settings(max_examples=EXAMPLES // 8, deadline=None, suppress_health_check=[HealthCheck.too_slow])

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(["value", "below", "unique", "money", "any", "when", "x"]), below, max_size=4)
    ),
    max_leaves=20,
)
DOCUMENTS = VALUES.map(lambda value: json.dumps(value).encode())
BODIES = st.binary(max_size=80) | DOCUMENTS | st.lists(DOCUMENTS | st.binary(max_size=5), max_size=3).map(b"".join)
TEXTS = st.text(st.characters(max_codepoint=255), max_size=40)
KINDS = st.sampled_from([JSON, FORM, "text/plain", "application/x-ndjson", ""]) | TEXTS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("bombs"), FILES, threats={"mode": "block"})


@pytest.mark.parametrize("path", ["/tree", "/double", "/form", "/free"])
@_many
@given(body=BODIES, kind=KINDS)
@example(body=b'{"unique": [[{"a": 1}], [{"a": 1.0}]]}', kind=JSON)
@example(body=b'{"money": 1e308, "unique": [NaN]}', kind=JSON)
@example(body=b'{"money": ' + b"9" * 4000 + b"}", kind=JSON)
@example(body=b'{"money": 1e-320}', kind=JSON)
def test_any_body_is_taken_or_refused(site: Site, path: str, body: bytes, kind: str) -> None:
    site.calls = 0
    answer = site.ask(path, "POST", body, CONTENT_TYPE=kind)
    assert 200 <= answer.code < 500, answer.body
    assert site.calls == (answer.code == 200)
    if answer.code == 200:
        assert site.body == body


@_many
@given(query=TEXTS, cookie=TEXTS, header=TEXTS, path=TEXTS)
@example(query="n=1e400&flag=\xff", cookie="a", header="1", path="/1/2")
@example(query="n=" + "9" * 5000, cookie='a="', header="", path="/%/..")
def test_any_head_is_taken_or_refused(site: Site, query: str, cookie: str, header: str, path: str) -> None:
    for place in ("/query", "/heads", "/cookies", "/path/" + path):
        answer = site.ask(place, query=query, HTTP_COOKIE=cookie, HTTP_X_A=header, HTTP_USER_AGENT=header)
        assert 200 <= answer.code < 500, answer.body


@_many
@given(
    length=TEXTS | st.sampled_from(["12", "0", "-1", " 12", "12 ", "+12", "1_2", "²"]),
    coding=TEXTS | st.none(),
    ends=st.booleans(),
)
def test_any_framing_is_taken_or_refused(site: Site, length: str, coding: str | None, ends: bool) -> None:
    keys: dict[str, Any] = {"CONTENT_LENGTH": length, "HTTP_TRANSFER_ENCODING": coding, "wsgi.input_terminated": ends}
    answer = site.ask("/tree", "POST", b'{"value": 1}', lawful=False, CONTENT_TYPE=JSON, **keys)
    assert 200 <= answer.code < 500, answer.body


BOMBS: dict[str, tuple[str, bytes]] = {
    "brackets": ("/tree", b"[" * 500_000),
    "objects": ("/tree", b'{"any":' * 100_000),
    "closed brackets": ("/tree", b'{"below":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "as deep as allowed": ("/tree", b'{"any":' * 60 + b"null" + b"}" * 60),
    "alternatives that double": ("/double", b'{"a":' * 50 + b"1" + b"}" * 50),
    "many members": ("/tree", b'{"value": [' + b"1," * 400_000 + b"1]}"),
    "many unique items": ("/tree", b'{"unique": [' + b",".join(b'{"a":[%d]}' % n for n in range(3300)) + b"]}"),
    "one long text": ("/tree", b'{"value": "' + b"x" * 900_000 + b'"}'),
    "one long number": ("/tree", b'{"value": ' + b"1" * 900_000 + b"}"),
    "many errors": ("/tree", b"{" + b",".join(b'"%d": 1' % n for n in range(9_000)) + b"}"),
    "a date that is none": ("/tree", b'{"when": "' + b"1" * 900_000 + b'"}'),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_no_document_is_a_bomb(site: Site, name: str) -> None:
    path, body = BOMBS[name]
    start = thread_time()
    assert site.ask(path, "POST", body, CONTENT_TYPE=JSON).code in (200, 400)
    assert thread_time() - start < 3
    assert len(BOMBS) == 11


def test_alternatives_that_multiply_are_refused(site: Site) -> None:
    (told,) = errors(site.ask("/double", "POST", b'{"a":' * 50 + b"1" + b"}" * 50, CONTENT_TYPE=JSON))
    assert told["message"] == "is too deep or too complex to be checked"


def test_threads_check_apart(tmp_path: Path) -> None:
    site = Site(tmp_path, FILES)
    wrong: list[Any] = []

    def ask(number: int) -> None:
        for turn in range(60):
            good = (number + turn) % 2 == 0
            document = {"value": 1, "below": [{"value": turn if good else "x"}]}
            code = site.post("/tree", document).code
            if code != (200 if good else 400):
                wrong.append((number, turn, code))
            if number == 0 and turn % 10 == 0:
                site.post("/double", b'{"a":' * 30 + b"1" + b"}" * 30)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
