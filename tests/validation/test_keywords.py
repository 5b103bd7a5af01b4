"""The keywords that are replaced mean what jsonschema's own mean, without their cost."""

from __future__ import annotations

from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.validation.folders import part
from wsgi_guard.validation.schemas.check import TOO_DEEP
from wsgi_guard.validation.schemas.custom import Validators
from wsgi_guard.validation.schemas.keywords import Steps, frozen, is_multiple, validator_class

NAMES = ["null", "boolean", "integer", "number", "string", "array", "object"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.5]) | st.text("ab", max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)


def _schemas(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(NAMES) | st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
            "properties": st.dictionaries(st.sampled_from("abc"), below, max_size=3),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "additionalProperties": below,
            "items": below,
            "prefixItems": st.lists(below, min_size=1, max_size=2),
            "anyOf": st.lists(below, min_size=1, max_size=2),
            "allOf": st.lists(below, min_size=1, max_size=2),
            "not": below,
            "$ref": st.just("#/$defs/d"),
            "minimum": st.integers(-2, 2),
            "maxLength": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "enum": st.lists(VALUES, min_size=1, max_size=2),
            "unevaluatedProperties": below,
        },
    )


# jsonschema tells of a schema `false` at the place of its parent, so what it means is written out here.
SCHEMAS: st.SearchStrategy[Any] = st.recursive(st.sampled_from([True, {}, {"not": {}}]), _schemas, max_leaves=6)


# What is wrong with members is told of each of them, of which jsonschema knows nothing.
OF_MEMBERS = {"additionalProperties", "propertyNames", "unevaluatedProperties"}


def told(validator: Any, value: Any) -> list[str]:
    """All errors by place, as text so that they can be sorted; in front whether there are any."""
    errors = list(validator.iter_errors(value))
    common = [
        f"{list(error.absolute_path)} {list(error.absolute_schema_path)} {error.validator}"
        for error in errors
        if OF_MEMBERS.isdisjoint([error.validator, *map(str, error.absolute_schema_path)])
    ]
    return [str(bool(errors)), *sorted(common)]


@settings(max_examples=300)
@given(
    SCHEMAS,
    st.dictionaries(st.just("d"), st.fixed_dictionaries({"maxLength": st.just(1)})),
    st.lists(VALUES, max_size=4),
)
def test_errors_are_those_of_jsonschema(schema: Any, defs: Any, values: list[Any]) -> None:
    document = {"$defs": {"d": {"type": ["string", "object"]}, **defs}, "allOf": [schema]}
    steps = Steps()
    own = validator_class(steps, dynamic=False, custom=Validators({}).keyword)(document)
    plain = Draft202012Validator(document)
    for value in values:
        steps.allow(1000)
        assert told(own, value) == told(plain, value)


@given(st.lists(VALUES, max_size=6))
def test_equal_items_are_those_of_jsonschema(items: list[Any]) -> None:
    plain = Draft202012Validator({"uniqueItems": True}).is_valid(items)
    assert (len(set(map(frozen, items))) == len(items)) is plain


MULTIPLES = [
    (19.99, 0.01, True), (1.1, 0.1, True), (0.075, 0.001, True), (10, 5, True), (10, 3, False), (7.5, 2.5, True),
    (7.5, 2, False), (0, 0.01, True), (1e308, 0.5, True), (1e308, 0.123456789, False), (10**400, 0.01, True),
    (-4.2, 2.1, True), (1e-7, 1e-8, True), (1, 1.0, True),
]  # fmt: skip


@pytest.mark.parametrize(("value", "unit", "is_one"), MULTIPLES)
def test_multiples_are_exact(value: float, unit: float, is_one: bool) -> None:
    assert is_multiple(value, unit) is is_one
    assert len(MULTIPLES) == 14


def test_unsortable_items_are_compared_once(tmp_path: Path) -> None:
    check = part(tmp_path, {"uniqueItems": True}).check
    items = [{"a": number} for number in range(20_000)]
    begin = thread_time()
    assert check.violations(items, 20_000) == []
    assert check.violations([*items, {"a": 7.0}], 20_000)[0]["keyword"] == "uniqueItems"
    assert thread_time() - begin < 5  # each pair: a minute


def test_alternatives_that_multiply_are_ended(tmp_path: Path) -> None:
    branch = {"type": "object", "properties": {"a": {"$ref": "#"}}}
    check = part(tmp_path, {"oneOf": [{**branch, "required": [name]} for name in "xyz"]}).check
    value: dict[str, Any] = {}
    for _ in range(40):
        value = {"a": value}
    begin = thread_time()
    assert check.violations(value, 80) == [TOO_DEEP]
    assert thread_time() - begin < 30  # all steps: years


@pytest.mark.parametrize("wide", [0, 3])
def test_deepest_document_is_checked_or_refused(tmp_path: Path, wide: int) -> None:
    below: Any = {"$ref": "#"}
    for _ in range(wide):
        below = {"allOf": [{"anyOf": [below]}]}
    check = part(tmp_path, {"type": "object", "properties": {"a": below}}).check
    value: dict[str, Any] = {}
    for _ in range(63):
        value = {"a": value}
    assert check.violations(value, 64) == ([] if wide == 0 else [TOO_DEEP])


def test_long_number_is_no_failure(tmp_path: Path) -> None:
    check = part(tmp_path, {"multipleOf": 0.01, "maximum": 1.5}).check
    assert [error["keyword"] for error in check.violations(10**4000, 1)] == ["maximum"]


def test_shared_schema_is_checked_from_each_side(tmp_path: Path) -> None:
    """Validators of parts are remembered by schema, so a schema must mean the same from wherever it is reached."""
    line = {"type": "object", "properties": {"sku": {"$ref": "sku.json"}}}
    files: dict[str, Any] = {
        "_shared/line.json": line,
        "_shared/sku.json": {"type": "string", "maxLength": 3},
        "b/c/PUT.json": {"properties": {"line": {"$ref": "../../_shared/line.json"}}},
    }
    check = part(tmp_path, {"items": {"$ref": "../_shared/line.json"}}, **files).check
    for _ in range(2):
        assert check.violations([{"sku": "abc"}], 3) == []
        assert check.violations([{"sku": "abcd"}], 3)[0]["pointer"] == "/0/sku"


def test_dynamic_references_stay_dynamic(tmp_path: Path) -> None:
    document = {
        "$id": "https://example.org/strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": False,
        "$defs": {"tree": {
            "$id": "tree", "$dynamicAnchor": "node", "type": "object",
            "properties": {"data": True, "child": {"$dynamicRef": "#node"}},
        }},
    }  # fmt: skip
    check = part(tmp_path, document).check
    assert check.violations({"child": {"data": 1}}, 3) == []
    assert check.violations({"child": {"daat": 1}}, 3)[0]["pointer"] == "/child/daat"
