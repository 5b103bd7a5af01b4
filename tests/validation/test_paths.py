"""How a path is spelled makes no difference to the schema it meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import PLAIN, request, serve
from wsgi_guard import Guard

from .asking import JSON, Audit, Site, schema_folder

FILES = {"orders/POST.json": {"type": "object"}}


def ok(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [PLAIN])
    return [b"ok"]


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
    files = {
        "a/b/POST.json": {"type": "null"},
        "a/{x}/POST.json": {"type": "integer"},
        "{r+}/POST.json": {"type": "string"},
    }
    site = Site(tmp_path, files)
    assert [site.post(path, body).code for path, body in (("/a/b", None), ("/a/c", 1), ("/x/y/z", "t"))] == [200] * 3
    assert [site.post(path, body).code for path, body in (("/a/b", 1), ("/a/c", "t"), ("/x", 1))] == [400] * 3


def test_the_guards_own_paths_are_exempt(tmp_path: Path) -> None:
    files = {"{rest+}/GET.query.json": {"required": ["q"]}}
    site = Site(tmp_path, files, layers=("validation", "health"), threats={"mode": "block"})
    assert site.ask("/livez").code == 200
    assert site.ask("/livez", query="a=<script>alert(1)</script>").code == 200
    assert site.calls == 0
    assert site.ask("/livez/x").code == 400
    assert site.ask("//livez").code == 400
