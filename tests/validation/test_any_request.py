"""For any bytes at all the answer is 2xx to 4xx, and what the app then reads is what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.calling import request, serve
from wsgi_guard import Guard

from .asking import FORM, JSON, Site

ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "multipleOf": 0.5},
        "name": {"type": "string", "pattern": "^[a-z]+$", "default": "x"},
        "when": {"format": "date-time"},
        "mail": {"anyOf": [{"format": "email"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        "below": {"$ref": "#"},
    },
    "required": ["id"],
    "unevaluatedProperties": {"format": "uri"},
}
FILES = {
    "a/POST.json": ORDER,
    "a/POST.form.json": ORDER,
    "a/POST.query.json": {**ORDER, "required": []},
    "a/POST.headers.json": {"properties": {"x-n": {"type": "number"}}},
    "a/POST.cookies.json": {"additionalProperties": {"maxLength": 5}},
    "a/{id}/POST.path.json": {"properties": {"id": {"type": "integer"}}},
}
NAMES = st.sampled_from(["id", "name", "when", "mail", "tags", "below", "other", ""])
TEXTS = st.text(max_size=8) | st.sampled_from(["ab", "2024-01-01T00:00:00Z", "a@b"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
DOCUMENTS = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=4), max_leaves=12
)
LATIN = st.text(st.characters(max_codepoint=255), max_size=40)
TYPES = st.sampled_from([
    JSON, FORM, "", "text/plain", "application/x-ndjson", "multipart/form-data; boundary=x",
    "application/vnd+json;charset=utf-16",
])  # fmt: skip
BODIES = st.binary(max_size=60) | st.text("[]{}\",:\\u d8019eE.+-NaInfty'<&%=;", max_size=60).map(str.encode)


class Alone(Site):
    """A site without health checks: they draw random numbers in a thread, which Hypothesis takes for unsteadiness."""

    def __init__(self, root: Path, files: dict[str, Any], **validation: Any) -> None:
        super().__init__(root, files, **validation)
        validation["schemas"] = str(root / "schemas")
        self._checked = validator(
            Guard(validator(self.app), {"guard": {"layers": ["validation"]}, "validation": validation})
        )


@pytest.fixture(scope="module", params=["shadow", "block"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    root: Path = tmp_path_factory.mktemp("site")
    return Alone(root, FILES, threats={"mode": request.param}, max_depth=8, max_members=50)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["/a", "/b", "/a/1"]) | LATIN.map("/".__add__), BODIES, TYPES, LATIN, LATIN, LATIN)
def test_any_bytes_are_answered(site: Site, path: str, body: bytes, kind: str, query: str, agent: str, n: str) -> None:
    site.calls = 0
    keys: dict[str, Any] = {"CONTENT_TYPE": kind, "HTTP_USER_AGENT": agent, "HTTP_X_N": n, "HTTP_COOKIE": agent}
    keys["HTTP_REFERER"] = f"/?{query}"
    server = site.ask(path, "POST", body, query=query, **keys)
    assert 200 <= server.code < 500
    assert site.calls == (server.code == 200)
    if server.code == 200:
        assert site.body == body


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, DOCUMENTS, max_size=5) | DOCUMENTS)
def test_any_document_is_answered(site: Site, document: Any) -> None:
    assert site.post("/a", document).code in (200, 400, 403)


ODD = ["CONTENT_LENGTH", "CONTENT_TYPE", "QUERY_STRING", "PATH_INFO", "REQUEST_METHOD", "wsgi.input"]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_environ_is_no_failure(site: Site, name: str) -> None:
    """Servers leave keys out or empty; PEP 3333's checker allows less than they do, so it is not asked here."""
    guard = Guard(site.app, {"guard": {"layers": ["validation"]}})
    for value in (None, ""):
        if name == "wsgi.input" and value == "":
            continue
        server = serve(guard, request("/x", "POST", **{"CONTENT_TYPE": JSON, name: value}))
        assert server.error is None or name in ("wsgi.input", "REQUEST_METHOD")
