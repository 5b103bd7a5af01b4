"""`wsgi-guard schema init`: what it writes is right, and the request that it was made from fits it."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.calling import request, serve
from wsgi_guard import Guard
from wsgi_guard.cli import main
from wsgi_guard.rehearse.request import of_flags
from wsgi_guard.rehearse.starter import drafts
from wsgi_guard.validation.schemas.infer import template_of

JSON = "Content-Type: application/json"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9) | st.sampled_from(["2026-01-01", "ada@example.org", "2026-01-01T00:00:00Z"]),
    lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=5), some, max_size=4),
    max_leaves=12,
)  # fmt: skip


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


def guard_of(folder: Path) -> Guard:
    return Guard(app, {"validation": {"schemas": str(folder), "threats": {"mode": "off"}}}, only=("validation",))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_are_written_and_none_is_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = '{"id": 7, "when": "2026-01-01", "tags": ["a", 1], "of": {"x": null}}'
    command = ["schema", "init", "-H", JSON, "-d", body, "/api/orders/7/items?page=2&tag=a&tag=b"]
    assert main(command) == 0
    assert capsys.readouterr().out.split() == [
        "wrote", "schemas/api/orders/{id}/items/POST.query.json", "wrote", "schemas/api/orders/{id}/items/POST.json",
    ]  # fmt: skip
    written = json.loads((here / "schemas/api/orders/{id}/items/POST.json").read_text())
    assert written["properties"]["when"] == {"type": "string", "format": "date"}
    items = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert written["properties"]["tags"] == {"type": "array", "items": items}
    assert (written["required"], written["additionalProperties"]) == (["id", "when", "tags", "of"], False)
    assert main(command) == 1
    assert "is there already" in capsys.readouterr().err
    guard, keys = guard_of(here / "schemas"), {"CONTENT_TYPE": "application/json", "QUERY_STRING": "page=2&tag=a&tag=b"}
    for sent, code in ((body, 200), (body.replace("7", '"7"'), 400)):
        assert serve(guard, request("/api/orders/9/items", "POST", sent.encode(), **keys)).code == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nothing"], "neither a query nor a body"),
        (["-H", "Content-Type: text/plain", "-d", "x", "/a"], "a body of JSON or of a form"),
        (["-H", JSON, "-d", "{", "/a"], "not JSON"),
        ([], "give one of"),
    ],
)
def test_what_says_nothing_writes_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["schema", "init", *arguments]) == 1
    assert said in capsys.readouterr().err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", ""), ("/a/b", "a/b"), ("/a/1/b/22", "a/{id}/b/{id2}"), ("/_x/{y}", "%5Fx/%7By%7D"),
        ("/u/f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "u/{id}"),
    ],
)  # fmt: skip
def test_numbers_and_uuids_become_names(path: str, template: str) -> None:
    assert template_of(path) == template


def test_no_path_leads_out_of_the_folder() -> None:
    for path in ("/../../x?a=1", "/%2e%2e/%2e%2e/x?a=1", "/a/..%2f..%2f..%2fx?a=1"):
        assert list(drafts(of_flags(path))) == ["x/GET.query.json"]


@settings(max_examples=80, deadline=None)
@given(VALUES, st.dictionaries(st.text("abc", min_size=1), st.text("a1.,é ", min_size=1), min_size=1, max_size=3))
def test_any_sample_fits_what_is_made_of_it(value: Any, query: dict[str, str]) -> None:
    body, text = json.dumps(value).encode(), urlencode(query)
    with tempfile.TemporaryDirectory() as folder:
        for name, schema in drafts(of_flags(f"/a?{text}", headers=[JSON], data=body)).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(schema))
        environ = request("/a", "POST", body, CONTENT_TYPE="application/json", QUERY_STRING=text)
        environ["wsgi.input"] = io.BytesIO(body)
        server = serve(guard_of(Path(folder)), environ)
    assert server.code == 200, server.body
