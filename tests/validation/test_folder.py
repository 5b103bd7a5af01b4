"""The schema folder: what stops the start, each problem with its file and pointer, and what a file's place means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wsgi_guard import Guard
from wsgi_guard.cli import main
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.validation.schemas.names import address

from .asking import Audit, Site, compiled, schema_folder

OBJECT = {"type": "object"}
REF = "api/POST.json"

# files, and for each problem what the sentence must hold, in order of the sentences sorted
PROBLEMS: dict[str, tuple[dict[str, Any], tuple[tuple[str, ...], ...]]] = {
    "no JSON": ({REF: "{"}, ((REF, "not JSON", "line 1"),)),
    "an empty file": ({REF: ""}, ((REF, "not JSON"),)),
    "not UTF-8": ({REF: b'{"title": "\xff"}'}, ((REF, "UTF-8"),)),
    "NaN": ({REF: '{"minimum": NaN}'}, ((REF, "NaN"),)),
    "too deep": ({REF: '{"not":' * 20_000 + "{}" + "}" * 20_000}, ((REF, "too deep"),)),
    "a member twice": (
        {REF: '{"properties": {"a": {"type": "string", "type": "null"}}}'},
        ((f"{REF}#/properties/a", "type"),),
    ),
    "no schema": ({REF: "[]"}, ((f"{REF}#", "not valid JSON Schema"),)),
    "a wrong type": ({REF: {"properties": {"a": {"type": "text"}}}}, ((f"{REF}#/properties/a/type", "valid"),)),
    "a wrong keyword value": ({REF: {"maxLength": -1}}, ((f"{REF}#/maxLength", "valid"),)),
    "an escaped pointer": ({REF: {"properties": {"a/b~c": {"type": 1}}}}, ((f"{REF}#/properties/a~1b~0c/type",),)),
    "a bad pattern": ({REF: {"properties": {"a": {"pattern": "("}}}}, ((f"{REF}#/properties/a/pattern",),)),
    "a bad name pattern": ({REF: {"patternProperties": {"(": {}}}}, ((f"{REF}#/patternProperties",),)),
    "an unknown format": ({REF: {"format": "emial"}}, ((f"{REF}#", "emial", "did you mean 'email'?"),)),
    "another dialect": (
        {REF: {"$schema": "http://json-schema.org/draft-07/schema#"}},
        ((f"{REF}#", "2020-12", "'prefixItems'", "'definitions' may stay"),),
    ),
    "a reference to no file": ({REF: {"items": {"$ref": "gone.json"}}}, ((f"{REF}#/items", "gone.json"),)),
    "a reference to no place": ({REF: {"$ref": "#/$defs/gone"}}, ((f"{REF}#", "#/$defs/gone"),)),
    "a reference to no place of a file": (
        {REF: {"$ref": "../_shared/a.json#/$defs/gone"}, "_shared/a.json": {}}, ((f"{REF}#", "gone"),),
    ),
    "a reference to the network": ({REF: {"$ref": "https://example.org/a.json"}}, ((f"{REF}#", "example.org"),)),
    "a reference out of the folder": ({REF: {"$ref": "../../../etc/passwd"}}, ((f"{REF}#", "passwd"),)),
    "a reference to a file URI": ({REF: {"$ref": "file:///etc/passwd"}}, ((f"{REF}#", "passwd"),)),
    "a circle": ({REF: {"$ref": "#"}}, ((f"{REF}#", "itself"),)),
    "a circle of two files": (
        {REF: {"allOf": [{"$ref": "../_shared/a.json"}]}, "_shared/a.json": {"$ref": "/api/POST.json"}},
        (("itself",), ("itself",), ("itself",)),
    ),
    "a method that is none": ({"api/FETCH.json": OBJECT}, (("api/FETCH.json", "not a method"),)),
    "a method in lower case": ({"api/post.json": OBJECT}, (("api/post.json", "did you mean 'POST'?"),)),
    "a method misspelt": ({"api/PSOT.json": OBJECT}, (("api/PSOT.json", "did you mean 'POST'?"),)),
    "HEAD": ({"api/HEAD.json": OBJECT}, (("api/HEAD.json", "GET"),)),
    "a part that is none": ({"api/POST.qeury.json": OBJECT}, (("api/POST.qeury.json", "did you mean 'query'?"),)),
    "a part too many": ({"api/POST.query.form.json": OBJECT}, (("api/POST.query.form.json", "METHOD.part.json"),)),
    "a schema without ending": ({"api/POST": "{}"}, (("api/POST", "METHOD.json"),)),
    "a schema in YAML": ({"api/POST.yaml": "{}"}, (("api/POST.yaml", "METHOD.json"),)),
    "x-sanitize": (
        {REF: {"properties": {"a": {"x-sanitize": 1}}}},
        ((f"{REF}#/properties/a", "x-sanitize", "must be true, false"),),
    ),
    "x-validator": ({REF: {"x-validator": "vat"}}, ((f"{REF}#", "x-validator", "not declared"),)),
    "x-rewrite": ({REF: {"x-rewrite": 1}}, ((f"{REF}#", "x-rewrite", "true or false"),)),
    "x-coerce of another type": ({REF: {"x-coerce": "no"}}, ((f"{REF}#", "x-coerce", "true or false"),)),
    "x-threats true": ({REF: {"x-threats": True}}, ((f"{REF}#", "x-threats", "sqli"),)),
    "x-threats unknown": ({REF: {"x-threats": ["sql"]}}, ((f"{REF}#", "x-threats", "sqli"),)),
    "x-threats misspelt": ({REF: {"x-threat": False}}, ((f"{REF}#", "did you mean 'x-threats'?"),)),
    "two names for one segment": (
        {"a/{x}/POST.json": OBJECT, "a/{y}/POST.json": OBJECT}, (("a/{y}/POST.json", "a/{x}/POST.json"),),
    ),
    "two names, two parts": (
        {"a/{x}/POST.json": OBJECT, "a/{y}/POST.query.json": OBJECT}, (("a/{y}/POST.query.json", "a/{x}/POST.json"),),
    ),
    "a rest ahead of the end": ({"{rest+}/a/POST.json": OBJECT}, (("{rest+}/a/POST.json", "last"),)),
    "half a brace": ({"a{b/POST.json": OBJECT}, (("a{b/POST.json", "braces"),)),
    "one name twice": ({"{a}/{a}/POST.json": OBJECT}, (("{a}/{a}/POST.json", "twice"),)),
    "an encoded slash": ({"a%2Fb/POST.json": OBJECT}, (("a%2Fb/POST.json", "slash"),)),
    "an unknown path name": (
        {"a/{x}/GET.path.json": {"properties": {"y": {}}}}, (("a/{x}/GET.path.json#/properties/y", "'y'"),),
    ),
    "many at once": (
        {REF: "{", "b/POST.json": {"type": 1}, "c/GTE.json": {}, "d/POST.json": {"$ref": "#/x"}},
        ((REF,), ("b/POST.json#/type",), ("c/GTE.json",), ("d/POST.json#", "#/x")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_of_a_folder_is_told(tmp_path: Path, name: str) -> None:
    files, wanted = PROBLEMS[name]
    with pytest.raises(ConfigurationError) as told:
        compiled(tmp_path, files)
    problems = sorted(told.value.problems)
    assert len(problems) == len(wanted), problems
    for problem, words in zip(problems, wanted, strict=True):
        assert all(word in problem for word in words), problem
        assert problem.startswith("schemas: ")


def test_problems_are_whole() -> None:
    assert len(PROBLEMS) == 45


NOTED = {
    "a default that does not fit": (
        {"properties": {"a": {"type": "integer", "default": "x"}, "b": {"default": 1}}},
        "#/properties/a/default: does not fit its own schema, so it is not filled in",
    ),
    "a format that nobody knows": (
        {"properties": {"a": {"format": "phone"}, "b": {"default": 1}}},
        "#/properties/a: 'format' 'phone' is not known and not asserted",
    ),
    "a word of an older draft": (
        {"dependencies": {"a": ["c"]}, "properties": {"b": {"default": 1}}},
        "#: 'dependencies' is of an older draft and does nothing; since 2020-12 'dependentRequired' or",
    ),
    "a dialect of one's own": (
        {"$schema": "https://example.org/mine", "properties": {"b": {"default": 1}}},
        "#: '$schema' 'https://example.org/mine' is not known, the file is read as draft 2020-12",
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["jsonschema", "jsonschema-rs"])
@pytest.mark.parametrize("name", NOTED)
def test_what_does_nothing_is_noted_and_stops_no_start(tmp_path: Path, audit: Audit, name: str, engine: str) -> None:
    schema, note = NOTED[name]
    site = Site(tmp_path, {REF: schema}, engine=engine)
    assert site.post("/api", {}).code == 200
    assert site.validated == {"body": {"b": 1}}
    assert any(f"schemas: {REF}{note}" in text for text in audit.texts)
    assert len(NOTED) == 4


def test_check_tells_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = schema_folder(tmp_path, {REF: NOTED["a format that nobody knows"][0]})
    (tmp_path / "guard.toml").write_text(f"[validation]\nschemas = {str(folder)!r}\n")
    assert main(["check", str(tmp_path / "guard.toml")]) == 0
    assert f"note: schemas: {REF}#/properties/a: 'format' 'phone' is not known" in capsys.readouterr().out


def test_a_folder_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        Guard(lambda environ, start_response: [], {"validation": {"schemas": str(tmp_path / "gone")}})


def test_the_guard_tells_problems_of_schemas_and_exclusions_together(tmp_path: Path) -> None:
    folder = schema_folder(tmp_path, {REF: {"type": 1}})
    threats = {"exclude": [{"path": "/a/{b"}]}
    with pytest.raises(ConfigurationError) as told:
        Guard(lambda environ, start_response: [], {"validation": {"schemas": str(folder), "threats": threats}})
    assert len(told.value.problems) >= 1
    assert any("exclude" in problem or "/a/{b" in problem for problem in told.value.problems)


def test_a_folder_linked_into_itself_ends(tmp_path: Path) -> None:
    folder = schema_folder(tmp_path, {"a/POST.json": OBJECT})
    os.symlink(folder, folder / "a" / "again")
    with pytest.raises(ConfigurationError, match="linked into itself"):
        compiled(tmp_path, {})


def test_other_files_are_nobodys_schema(tmp_path: Path) -> None:
    files = {
        "README.md": "about", "api/notes.txt": "x", ".hidden/POST.json": "{", "..data/POST.json": "{",
        "_shared/README": "x", "_shared/notes.yaml": "x", "api/POST.json": OBJECT,
    }  # fmt: skip
    assert [endpoint.template.text for endpoint in compiled(tmp_path, files)] == ["/api"]


def test_check_tells_of_files_that_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = schema_folder(tmp_path, {
        REF: OBJECT, "README.md": "x", "api/about.md": "x", "api/LICENSE": "x", "_shared/a.json": {},
        "_shared/notes.txt": "x", ".hidden": "x", "api/order.yaml": "x", "api/ORDER.JSON": "{}",
        "api/_inner/POST.query.json": OBJECT,
    })  # fmt: skip
    (tmp_path / "guard.toml").write_text(f"[validation]\nschemas = {str(folder)!r}\n")
    assert main(["check", str(tmp_path / "guard.toml")]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: schemas: ")]
    assert [line.split(": ")[2] for line in told] == ["api/ORDER.JSON", "api/_inner/POST.query.json", "api/order.yaml"]
    assert "is no schema file" in told[0] and "is never routed" in told[1]


# file -> template, method, part
ADDRESSES: tuple[tuple[str, tuple[str, str, str]], ...] = (
    ("POST.json", ("/", "POST", "body")),
    ("api/orders/POST.json", ("/api/orders", "POST", "body")),
    ("api/orders/GET.query.json", ("/api/orders", "GET", "query")),
    ("api/{id}/PATCH.json", ("/api/{id}", "PATCH", "body")),
    ("files/{rest+}/PUT.headers.json", ("/files/{rest+}", "PUT", "headers")),
    ("signup/POST.form.json", ("/signup", "POST", "form")),
    ("a/DELETE.cookies.json", ("/a", "DELETE", "cookies")),
    ("{id}/OPTIONS.path.json", ("/{id}", "OPTIONS", "path")),
    ("a/POST.body.json", ("/a", "POST", "body")),
)


@pytest.mark.parametrize(("name", "place"), ADDRESSES)
def test_the_place_of_a_file_says_what_it_describes(name: str, place: tuple[str, str, str]) -> None:
    assert tuple(address(name)) == place
    assert len(ADDRESSES) == 9


def test_a_body_is_described_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"POST\.json"):
        compiled(tmp_path, {"a/POST.json": OBJECT, "a/POST.body.json": OBJECT})


def test_percent_encoded_segments_are_literal(tmp_path: Path) -> None:
    site = Site(tmp_path, {"%5Fadmin/%7Bx%7D/POST.json": {"type": "integer"}})
    assert site.post("/_admin/{x}", "text").code == 400
    assert site.post("/_admin/y", "text").code == 200


REFERENCES: dict[str, dict[str, Any]] = {
    "relative": {"a/POST.json": {"$ref": "../_shared/n.json"}},
    "from the root": {"a/POST.json": {"$ref": "/_shared/n.json"}},
    "into a file": {"a/POST.json": {"$ref": "/_shared/all.json#/$defs/n"}},
    "an anchor": {"a/POST.json": {"$ref": "/_shared/all.json#n"}},
    "through a file": {"a/POST.json": {"$ref": "/_shared/again.json"}},
    "to a routed file": {"a/POST.json": {"$ref": "../b/{id}/PUT.json"}, "b/{id}/PUT.json": {"type": "integer"}},
    "to an encoded name": {"a/POST.json": {"$ref": "../b/%7Bid%7D/PUT.json"}, "b/{id}/PUT.json": {"type": "integer"}},
    "an id of its own": {
        "a/POST.json": {
            "$id": "https://example.org/x/y.json",
            "$ref": "n.json",
            "$defs": {"n": {"$id": "n.json", "type": "integer"}},
        },
    },
    "with neighbours": {"a/POST.json": {"$ref": "/_shared/n.json", "maximum": 9}},
}  # fmt: skip
SHARED = {
    "_shared/n.json": {"type": "integer"},
    "_shared/all.json": {"$defs": {"n": {"$anchor": "n", "type": "integer"}}},
    "_shared/again.json": {"$ref": "n.json"},
}


@pytest.mark.parametrize("name", REFERENCES)
def test_references_reach_the_files_of_the_folder(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path, {**SHARED, **REFERENCES[name]})
    assert site.post("/a", 3).code == 200
    assert site.post("/a", "3").code == 400
    assert len(REFERENCES) == 9


def test_a_schema_may_refer_to_itself_inside_a_value(tmp_path: Path) -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}}, "additionalProperties": False}
    site = Site(tmp_path, {"a/POST.json": tree})
    assert site.post("/a", {"left": {"left": {}}}).code == 200
    assert site.post("/a", {"left": {"left": {"right": 1}}}).code == 400


def test_patterns_end_where_ecmascript_says(tmp_path: Path) -> None:
    site = Site(tmp_path, {"a/POST.json": {"pattern": "^[a-z$]+$"}})
    assert site.post("/a", "abc$").code == 200
    assert site.post("/a", "abc\n").code == 400


def test_jsonschema_is_loaded_only_for_schemas(tmp_path: Path) -> None:
    folder = schema_folder(tmp_path, {"a/POST.json": OBJECT})
    code = (
        "import sys, wsgi_guard\n"
        "wsgi_guard.Guard(lambda e, s: [], {})\n"
        "assert 'jsonschema' not in sys.modules\n"
        f"wsgi_guard.Guard(lambda e, s: [], {{'validation': {{'schemas': {str(folder)!r}}}}})\n"
        "assert 'jsonschema' in sys.modules\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root})


def test_a_schema_of_false_takes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, {"a/POST.json": "false", "b/POST.json": "true"})
    assert site.post("/a", {}).code == 400
    assert site.post("/b", {"x": [1]}).code == 200
    assert json.loads(site.body) == {"x": [1]}
