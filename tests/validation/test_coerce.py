"""Strings become the types of their schema, and what is missing becomes its default."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.pace import seconds
from tests.validation.asking import Site
from tests.validation.folders import part
from wsgi_guard.validation.coerce import coerce, elements, fill
from wsgi_guard.validation.schemas.compile import Part

# (schema of one field, what was sent, what it becomes)
CASES: list[tuple[Any, Any, Any]] = [
    ({"type": "integer"}, "12", 12),
    ({"type": "integer"}, "-12", -12),
    ({"type": "integer"}, "007", 7),
    ({"type": "integer"}, "1.0", "1.0"),
    ({"type": "integer"}, " 1", " 1"),
    ({"type": "integer"}, "+1", "+1"),
    ({"type": "integer"}, "", ""),
    ({"type": "integer"}, "1\n", "1\n"),
    ({"type": "integer"}, "١٢", "١٢"),
    ({"type": "integer"}, "9" * 400, "9" * 400),
    ({"type": "integer"}, ["1", "2"], ["1", "2"]),
    ({"type": "number"}, "1.5", 1.5),
    ({"type": "number"}, "3", 3),
    ({"type": "number"}, "-2e3", -2000.0),
    ({"type": "number"}, "1e999", "1e999"),
    ({"type": "number"}, "nan", "nan"),
    ({"type": "number"}, "inf", "inf"),
    ({"type": "number"}, "1_000", "1_000"),
    ({"type": "number"}, "0x10", "0x10"),
    ({"type": "number"}, ".5", ".5"),
    ({"type": "boolean"}, "true", True),
    ({"type": "boolean"}, "false", False),
    ({"type": "boolean"}, "1", True),
    ({"type": "boolean"}, "0", False),
    ({"type": "boolean"}, "yes", "yes"),
    ({"type": "boolean"}, "True", "True"),
    ({"type": "null"}, "null", "null"),
    ({"type": "string"}, "12", "12"),
    ({"type": ["integer", "string"]}, "12", "12"),
    ({"type": ["integer", "null"]}, "12", 12),
    ({"type": ["number", "boolean"]}, "1", 1),
    ({"type": ["integer", "boolean"]}, "true", True),
    ({"type": "array"}, "a,b", ["a", "b"]),
    ({"type": "array"}, ["a,b", "c"], ["a,b", "c"]),
    ({"type": "array", "items": {"type": "integer"}}, "1,2", [1, 2]),
    ({"type": "array", "items": {"type": "integer"}}, ["1", "x"], [1, "x"]),
    ({"type": "array", "items": {"type": "integer"}}, "7", [7]),
    ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "1,2", [1, "2"]),
    ({"type": ["array", "string"]}, "a,b", "a,b"),
    ({"type": "object"}, "{}", "{}"),
    ({"enum": [1, 2]}, "2", 2),
    ({"enum": ["1", 2]}, "2", 2),
    ({"const": True}, "true", True),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5", 5),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "5", "5"),
    ({"anyOf": [{"type": "integer"}, {}]}, "5", "5"),
    ({"allOf": [{"type": ["integer", "string"]}, {"type": "integer"}]}, "5", 5),
    ({"$ref": "#/$defs/page"}, "5", 5),
    ({"$ref": "#/$defs/page", "minimum": 1}, "5", 5),
    ({"type": "integer", "x-coerce": False}, "5", "5"),
    ({}, "5", "5"),
    (True, "5", "5"),
    # several forms: the first of itself, a number, a boolean, a list that fits
    ({"oneOf": [{"type": "integer"}, {"type": "array"}]}, "5", 5),
    ({"oneOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "integer"}]}, "5", 5),
    ({"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}, "5,6", [5, 6]),
    ({"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}, ["5", "6"], [5, 6]),
    ({"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}, "x", ["x"]),
    ({"type": ["integer", "array"], "items": {"type": "integer"}}, "5", 5),
    ({"type": ["integer", "array"], "items": {"type": "integer"}, "minimum": 9}, "5,5", [5, 5]),
    ({"enum": [1, 2, "x"]}, "1", 1),
    ({"enum": [1, 2, "x"]}, "x", "x"),
    ({"enum": [1, 2, "x"]}, "3", "3"),
    ({"enum": [1, "1"]}, "1", "1"),
    ({"enum": [True, 1.5, "x", None]}, "true", True),
    ({"enum": [True, 1.5, "x", None]}, "1.5", 1.5),
    ({"type": "array", "items": {"enum": [1, "x"]}}, "1,x,2", [1, "x", "2"]),
    ({"type": ["string", "integer"], "pattern": "^x", "maximum": 9}, "5", 5),
    ({"anyOf": [{"type": "string", "format": "date"}, {"type": "integer"}]}, "5", 5),
    ({"anyOf": [{"type": "string", "format": "date"}, {"type": "integer"}]}, "2024-01-01", "2024-01-01"),
    ({"anyOf": [{"pattern": "^x"}, {"type": "integer"}]}, "5", 5),
    ({"anyOf": [{"type": "string", "pattern": "^x"}, {"oneOf": [{"type": "boolean"}, {"type": "number"}]}]},
     "1.5", 1.5),
    ({"anyOf": [{"$ref": "#/$defs/page"}, {"const": "all"}]}, "7", 7),
    ({"anyOf": [{"$ref": "#/$defs/page"}, {"const": "all"}]}, "all", "all"),
    ({"anyOf": [{"$ref": "#/$defs/page"}, {"const": "all"}]}, "none", "none"),
    ({"enum": [1, 2, "x"], "x-coerce": False}, "1", "1"),
]


def field_part(root: Path, schema: Any) -> Part:
    document = {"properties": {"f": schema}, "$defs": {"page": {"type": "integer"}}}
    return part(root, document, "a/GET.query.json")


@pytest.mark.parametrize(("schema", "sent", "becomes"), CASES, ids=range(len(CASES)))
def test_strings_become_what_the_schema_wants(tmp_path: Path, schema: Any, sent: Any, becomes: Any) -> None:
    shape = field_part(tmp_path, schema).shape
    found = coerce({"f": sent, "other": "1"}, shape)
    assert found == {"f": becomes, "other": "1"}
    assert type(found["f"]) is type(becomes)
    assert coerce(found, shape) == found


def test_all_conversions_are_listed() -> None:
    assert len(CASES) == 75


def test_fields_no_schema_names_follow_the_rest(tmp_path: Path) -> None:
    schema = {
        "patternProperties": {"^n_": {"type": "integer"}},
        "additionalProperties": {"type": "boolean"},
        "properties": {"s": {"type": "string"}},
    }
    shape = part(tmp_path, schema, "a/GET.query.json").shape
    assert coerce({"n_a": "1", "x": "1", "s": "1"}, shape) == {"n_a": 1, "x": True, "s": "1"}


# schema of all fields, what was sent, what it becomes
FORMED: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    ({"oneOf": [{"properties": {"k": {"const": "n"}, "v": {"type": "integer"}}, "required": ["k"]},
                {"properties": {"k": {"const": "s"}, "v": {"type": "string"}}, "required": ["k"]}]},
     {"k": "n", "v": "1"}, {"k": "n", "v": 1}),
    ({"oneOf": [{"properties": {"k": {"const": "n"}, "v": {"type": "integer"}}, "required": ["k"]},
                {"properties": {"k": {"const": "s"}, "v": {"type": "string"}}, "required": ["k"]}]},
     {"k": "s", "v": "1"}, {"k": "s", "v": "1"}),
    ({"properties": {"e": {"type": "integer"}}, "if": {"properties": {"e": {"const": 1}}},
      "then": {"properties": {"late": {"type": "integer"}}}}, {"e": "1", "late": "4"}, {"e": 1, "late": 4}),
    ({"properties": {"e": {"type": "integer"}}, "if": {"properties": {"e": {"const": 1}}},
      "else": {"properties": {"late": {"type": "integer"}}}}, {"e": "2", "late": "4"}, {"e": 2, "late": 4}),
    ({"properties": {"e": {"type": "integer", "default": 1}}, "required": ["e"],
      "anyOf": [{"properties": {"n": {"type": "integer"}}, "required": ["n"]}]}, {"n": "4"}, {"n": 4}),
    ({"dependentSchemas": {"a": {"properties": {"n": {"type": "integer"}}}}}, {"a": "x", "n": "4"}, {"a": "x", "n": 4}),
    ({"anyOf": [{"properties": {"n": {"type": "integer"}}, "required": ["z"]}]}, {"n": "4"}, {"n": "4"}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "sent", "becomes"), FORMED, ids=range(len(FORMED)))
def test_fields_become_what_one_form_wants(
    tmp_path: Path, schema: Any, sent: dict[str, Any], becomes: dict[str, Any]
) -> None:
    shape = part(tmp_path, schema, "a/GET.query.json").shape
    assert coerce(sent, shape) == becomes
    assert coerce(becomes, shape) == becomes
    assert len(FORMED) == 7


LISTS = [
    ("a, b", ["a", "b"]), ("a,b", ["a", "b"]), (" a\t,\tb ", ["a", "b"]), ("a,, ,b,", ["a", "b"]), ("", []), (",", []),
    ('"a, b", c', ['"a, b"', "c"]), ('"a\\", b", c', ['"a\\", b"', "c"]), ('a="b,c";d, e', ['a="b,c";d', "e"]),
    ('"a, b', ['"a, b']), ("a b, c", ["a b", "c"]), ("\xa0a,b", ["\xa0a", "b"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), LISTS)
def test_lists_in_headers_are_those_of_http(text: str, found: list[str]) -> None:
    assert elements(text) == found
    assert len(LISTS) == 12


@pytest.mark.parametrize("piece", ["a", ",", '"', '",', '"\\', '\\"', " ", '"a"', 'a"'])
def test_long_lists_take_time_in_step_with_their_length(piece: str) -> None:
    # Ten times as long takes ten times the time, on a busy machine a few times that; a hundred times out of step.
    assert seconds(elements, piece, 400_000) < 40 * max(seconds(elements, piece, 40_000), 0.001)


def test_lists_in_headers_have_spaces_and_those_of_queries_their_own(tmp_path: Path) -> None:
    said = {"properties": {"X-Arr": {"type": "array", "items": {"type": "integer"}}}}
    site = Site(tmp_path, {"a/GET.headers.json": said, "b/GET.query.json": said})
    assert site.ask("/a", HTTP_X_ARR="1, 2 ,3").code == 200
    assert site.validated["headers"]["X-Arr"] == [1, 2, 3]
    assert site.ask("/b", query="X-Arr=1,%202").code == 400


def test_coerce_off_holds_for_all_below(tmp_path: Path) -> None:
    shape = part(tmp_path, {"x-coerce": False, "properties": {"n": {"type": "integer"}}}, "a/GET.query.json").shape
    assert coerce({"n": "1"}, shape) == {"n": "1"}


# (schema, value, value with its defaults)
DEFAULTS: list[tuple[Any, Any, Any]] = [
    ({"properties": {"a": {"default": 1}}}, {}, {"a": 1}),
    ({"properties": {"a": {"default": 1}}}, {"a": None}, {"a": None}),
    ({"properties": {"a": {"default": 1}}}, [], []),
    ({"properties": {"a": {"default": 1}}}, None, None),
    ({"properties": {"a": {"properties": {"b": {"default": [1]}}}}}, {"a": {}}, {"a": {"b": [1]}}),
    ({"properties": {"a": {"properties": {"b": {"default": [1]}}}}}, {}, {}),
    ({"items": {"properties": {"a": {"default": 1}}}}, [{}, {"a": 2}, 3], [{"a": 1}, {"a": 2}, 3]),
    ({"prefixItems": [{"properties": {"a": {"default": 1}}}]}, [{}, {}], [{"a": 1}, {}]),
    ({"additionalProperties": {"properties": {"a": {"default": 1}}}}, {"x": {}}, {"x": {"a": 1}}),
    ({"patternProperties": {"^x": {"properties": {"a": {"default": 1}}}}}, {"x": {}, "y": {}},
     {"x": {"a": 1}, "y": {}}),
    ({"allOf": [{"properties": {"a": {"default": 1}}}, {"properties": {"b": {"default": 2}}}]}, {}, {"a": 1, "b": 2}),
    ({"$ref": "#/$defs/d", "$defs": {"d": {"properties": {"a": {"default": 1}}}}}, {}, {"a": 1}),
    ({"properties": {"next": {"$ref": "#"}, "n": {"default": 0}}}, {"next": {"next": {}}},
     {"next": {"next": {"n": 0}, "n": 0}, "n": 0}),
    ({"properties": {"a": {"$ref": "#/$defs/d"}}, "$defs": {"d": {"default": 1}}}, {}, {"a": 1}),
    ({"properties": {"a": {"properties": {"b": {"default": 1}}, "default": {}}}}, {}, {"a": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "filled"), DEFAULTS, ids=range(len(DEFAULTS)))
def test_missing_properties_get_their_default(tmp_path: Path, schema: Any, value: Any, filled: Any) -> None:
    shape = part(tmp_path, schema).shape
    value = copy.deepcopy(value)
    fill(value, shape)
    assert value == filled
    fill(value, shape)
    assert schema.get("properties", {}).get("a", {}).get("default") == {} or value == filled


def test_all_defaults_are_listed() -> None:
    assert len(DEFAULTS) == 15


def test_default_is_copied_each_time(tmp_path: Path) -> None:
    shape = part(tmp_path, {"properties": {"a": {"default": []}}}).shape
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    fill(first, shape)
    first["a"].append(1)
    fill(second, shape)
    assert second == {"a": []}


@pytest.mark.parametrize("text", ["{0}", "x{0}", "x"])
def test_many_items_of_several_forms_take_about_as_long_as_their_check(tmp_path: Path, text: str) -> None:
    forms = [{"type": "integer"}, {"type": "string", "pattern": "^[a-z]"}]
    schema = {"properties": {"f": {"type": "array", "items": {"oneOf": forms}}}}
    one = part(tmp_path, schema, "a/GET.query.json")
    plain = Draft202012Validator(schema)
    sent = {"f": [text.format(number) for number in range(2_000)]}
    became = coerce(sent, one.shape)

    def ours(_: str) -> None:
        assert one.check.violations(coerce(sent, one.shape), 2_000) == []

    def theirs(_: str) -> None:
        plain.validate(became)

    assert any(seconds(ours, "", 0) < 3 * seconds(theirs, "", 0) for _ in range(3))


TEXTS = st.text("0123456789-+.eE,truefals x", max_size=12)
ONE: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([
        *({"type": name} for name in ("integer", "number", "boolean", "string", "null", "array", "object")),
        {"enum": [1, "x", True, 2.5, None]}, {"pattern": "^x"}, {"const": "1"}, {"$ref": "#/$defs/page"}, True,
    ]),
    lambda some: st.one_of(
        st.fixed_dictionaries({"anyOf": st.lists(some, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(some, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"type": st.just("array"), "items": some}),
        st.fixed_dictionaries(
            {"type": st.just(["integer", "array", "string"]), "items": some, "maxLength": st.just(1)}
        ),
        st.fixed_dictionaries({"if": some, "then": some, "else": some}),
    ),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=200)
@given(ONE, st.lists(TEXTS, min_size=1, max_size=3))
def test_second_conversion_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, schema: Any, sent: list[str]
) -> None:
    one = field_part(tmp_path_factory.mktemp("schemas"), schema)
    value = {"f": sent[0] if len(sent) == 1 else sent}
    first = coerce(value, one.shape)
    again = coerce(first, one.shape)
    assert again == first
    assert one.check.violations(again, 10) == one.check.violations(first, 10)
