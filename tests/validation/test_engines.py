"""jsonschema-rs decides as jsonschema does, wherever it is asked."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from tests.validation.asking import Site, compiled, errors, schema_folder
from tests.validation.test_formats import CASES
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.routes import Routes
from wsgi_guard.validation.schemas.compile import compile_folder
from wsgi_guard.validation.schemas.fast import SHARED
from wsgi_guard.validation.schemas.formats import FORMATS

SIMPLE = st.sampled_from([
    {"type": "integer"}, {"type": "string"}, {"type": ["number", "null"]}, {"minimum": 1},
    {"exclusiveMaximum": 10.5}, {"maxLength": 2}, {"minLength": 1}, {"pattern": "^[a-z]+$"},
    {"enum": [1, "a", None, 1.0]}, {"const": {"a": 1}},
    {"uniqueItems": True}, {"maxItems": 1}, {"format": "date"}, {"format": "email"}, {"minProperties": 1}, True,
    {"contains": {"type": "integer"}, "maxContains": 1}, {"propertyNames": {"maxLength": 1}}, {"required": ["a"]},
    False,
])  # fmt: skip
SCHEMAS = st.recursive(
    SIMPLE,
    lambda some: st.one_of(
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("abc"), some, max_size=3)}),
        st.fixed_dictionaries({"items": some}),
        st.fixed_dictionaries({"prefixItems": st.lists(some, min_size=1, max_size=2), "items": some}),
        st.fixed_dictionaries({"anyOf": st.lists(some, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(some, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(some, min_size=1, max_size=3), "unevaluatedProperties": some}),
        st.fixed_dictionaries({"not": some}),
        st.fixed_dictionaries({"if": some, "then": some, "else": some}),
        st.fixed_dictionaries({"additionalProperties": some, "patternProperties": st.fixed_dictionaries({"^a": some})}),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "ab", "A\n", "2024-02-30", "2024-02-28", "a@b", "é", "abc\n", 10**40, -(10**25), 1.0]),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "dd"]), some, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(schema=SCHEMAS, values=st.lists(VALUES, min_size=1, max_size=4))
def test_both_engines_decide_alike(schema: Any, values: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "POST.json").write_text(json.dumps(schema))
        slow, fast = (
            compile_folder(Path(folder), Routes(), fast=fast).endpoints[0].parts["body"].check for fast in (False, True)
        )
    for value in values:
        assert fast.violations(value, 100) == slow.violations(value, 100)


@pytest.mark.parametrize(
    ("schema", "quick"),
    [
        ({"type": "integer"}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"pattern": "^[A-Z]{3}$"}}}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}}, False),
        ({"properties": {"a": {"pattern": "\\d"}}}, False),
        ({"items": {"multipleOf": 0.01}}, False),
        ({"$defs": {"a": {"multipleOf": 3}}}, True),
    ],
)
def test_what_engines_read_differently_is_left_to_jsonschema(tmp_path: Path, schema: Any, quick: bool) -> None:
    (tmp_path / "POST.json").write_text(json.dumps(schema))
    check = compile_folder(tmp_path, Routes(), fast=True).endpoints[0].parts["body"].check
    assert (check._fits is not None) == quick


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(sorted(SHARED)), st.data())
def test_formats_that_rust_judges_are_read_alike(name: str, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([*CASES[name][0], *CASES[name][1]]))
    at = data.draw(st.integers(0, len(text)))
    new = data.draw(st.text(st.sampled_from("0129-:.TtZzPYWD+ /@[]%'\\#?~abfgxé\u0660\n"), max_size=2))
    changed = text[:at] + new + text[at + data.draw(st.integers(0, 2)) :]
    assert quick_format(name).is_valid(changed) == FORMATS[name](changed)


def test_rust_reads_every_case_of_its_formats_as_we_do() -> None:
    for name in SHARED:
        taken, refused = CASES[name]
        assert all(map(quick_format(name).is_valid, taken))
        assert not any(quick_format(name).is_valid(text) for text in refused if not has_half_pair(text))
    assert len(SHARED) == 12


@cache
def quick_format(name: str) -> Any:
    return Draft202012Validator({"format": name}, validate_formats=True)


def has_half_pair(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def test_refusals_are_told_by_jsonschema(tmp_path: Path) -> None:
    site = Site(tmp_path, {"POST.json": {"properties": {"n": {"type": "integer"}}}}, engine="jsonschema-rs")
    assert site.post("/", {"n": 1}).code == 200
    answer = site.post("/", {"n": "x"})
    assert answer.code == 400
    assert errors(answer)[0]["message"] == "must be an integer"


def test_slow_engine_needs_no_fast_one(tmp_path: Path) -> None:
    assert compiled(tmp_path, {"POST.json": {}})[0].parts["body"].check._fits is None


def test_places_named_within_a_document_are_left_to_jsonschema(tmp_path: Path) -> None:
    for at, schema in enumerate([
        {"$ref": "#a", "$defs": {"x": {"$anchor": "a", "type": "integer"}}},
        {"properties": {"a": {"$id": "http://a.example/b", "type": "integer"}}},
    ]):  # fmt: skip
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / "POST.json").write_text(json.dumps(schema))
        assert compile_folder(folder, Routes(), fast=True).endpoints[0].parts["body"].check._fits is None


# Folders as people name them: a template, a space, letters beyond ASCII, what URIs write otherwise, an escape.
FOLDERS = ("o/{id}", "p/{rest+}", "a b", "\u00fc/\u65e5\u672c", "x[1]", "50% off", "%7Bx%7D", "q^`|", "a:b")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("engine", ["jsonschema", "jsonschema-rs"])
def test_folder_may_be_called_anything(tmp_path: Path, folder: str, engine: str) -> None:
    up = "../" * (folder.count("/") + 1)
    files: dict[str, Any] = {
        "_s/{shared} \u00fc.json": {"type": "integer"},
        f"{folder}/POST.json": {"properties": {
            "own": {"$ref": "#/$defs/a b"}, "other": {"$ref": up + "_s/{shared} \u00fc.json"},
            "escaped": {"$ref": up + "_s/%7Bshared%7D%20%C3%BC.json"}, "twin": {"$ref": "PUT.json"},
            "rooted": {"$ref": f"/{folder.replace('%', '%25')}/PUT.json"},
        }, "$defs": {"a b": {"type": "integer"}}},
        f"{folder}/PUT.json": {"type": "integer"},
    }  # fmt: skip
    (endpoint, _) = compile_folder(schema_folder(tmp_path, files), Routes(), fast=engine != "jsonschema").endpoints
    check = endpoint.parts["body"].check
    assert (check._fits is not None) == (engine != "jsonschema")
    for name in files[f"{folder}/POST.json"]["properties"]:
        assert not check.violations({name: 1}, 10)
        assert [found["pointer"] for found in check.violations({name: "x"}, 10)] == [f"/{name}"]


def test_file_whose_name_is_an_escape_is_another_file(tmp_path: Path) -> None:
    files = {
        "_s/{x}.json": {"type": "integer"}, "_s/%7Bx%7D.json": {"type": "string"},
        "a/POST.json": {"$ref": "../_s/{x}.json"}, "b/POST.json": {"$ref": "../_s/%257Bx%257D.json"},
    }  # fmt: skip
    for fast in (False, True):
        first, second = compile_folder(schema_folder(tmp_path, files), Routes(), fast=fast).endpoints
        assert not first.parts["body"].check.violations(1, 1) and first.parts["body"].check.violations("a", 1)
        assert not second.parts["body"].check.violations("a", 1) and second.parts["body"].check.violations(1, 1)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("word", ["$id", "$ref"])
def test_reference_that_is_no_uri_is_a_problem_and_no_crash(tmp_path: Path, word: str, fast: bool) -> None:
    folder = schema_folder(tmp_path, {"POST.json": {word: "http://[bad"}})
    try:
        compile_folder(folder, Routes(), fast=fast)
    except ConfigurationError as error:
        assert word == "$ref" and "names nothing in the schema folder" in str(error)
