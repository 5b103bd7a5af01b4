"""Strings become the types of their schema, and what is missing becomes its default."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.validation.folders import part
from wsgi_guard.validation.coerce import coerce, fill
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
    ({"enum": ["1", 2]}, "2", "2"),
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
    assert len(CASES) == 52


def test_fields_no_schema_names_follow_the_rest(tmp_path: Path) -> None:
    schema = {
        "patternProperties": {"^n_": {"type": "integer"}},
        "additionalProperties": {"type": "boolean"},
        "properties": {"s": {"type": "string"}},
    }
    shape = part(tmp_path, schema, "a/GET.query.json").shape
    assert coerce({"n_a": "1", "x": "1", "s": "1"}, shape) == {"n_a": 1, "x": True, "s": "1"}


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


TEXTS = st.text("0123456789-+.eE,truefals x", max_size=12)
ONE = st.sampled_from(
    [{"type": name} for name in ("integer", "number", "boolean", "string", "null", "array", "object")]
)


@settings(max_examples=60)
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
