"""The validator class: jsonschema's for draft 2020-12, with the keywords a client could make slow or wrong replaced.

Found by reading and measuring jsonschema 4.26: `uniqueItems` compares every pair of items that cannot be sorted,
`multipleOf` fails on 19.99 and 0.01 and raises OverflowError on a long integer, and alternatives that refer back to
their schema double the work with each level of nesting. Of members whose names the schema does not know it tells all in
one error of the object; here each has its own. `properties`, `items`, `anyOf`, `oneOf` and `type` mean the same as its
own, which make a validator anew for every property, item and form: two thirds of the time of a pass.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

_PLAIN = Draft202012Validator.VALIDATORS
# A reference and what hangs on it cost about 80 microseconds. A real document needs a few for each of its values; the
# allowance ends a small one that makes alternatives multiply within half a second.
ALLOWANCE = 4_000
_EACH_VALUE = 4


class TooComplex(Exception):
    """Checking the value would take more steps than its size can explain."""


class Steps(threading.local):
    """How many references the check that runs in this thread may still follow."""

    left = 0

    def allow(self, values: int) -> None:
        self.left = ALLOWANCE + _EACH_VALUE * values

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooComplex


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not wanted or not isinstance(instance, list):
        return
    seen = set()
    for item in map(frozen, instance):
        if item in seen:
            yield ValidationError("has an item twice")
            return
        seen.add(item)


def frozen(value: Any) -> Any:
    """A hashable that is equal for JSON values that are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, list):
        return ("list", tuple(map(frozen, value)))
    if isinstance(value, dict):
        return ("dict", frozenset((name, frozen(item)) for name, item in value.items()))
    return (value,) if isinstance(value, bool) else value


def _multiple_of(validator: Any, unit: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, bool) or not isinstance(instance, (int, float)):
        return
    if not is_multiple(instance, unit):
        yield ValidationError("is not a multiple")


def is_multiple(value: float, unit: float) -> bool:
    """Exact in the decimal notation of both numbers, as they were written."""
    if isinstance(value, int) and isinstance(unit, int):
        return value % unit == 0
    return (Fraction(str(value)) / Fraction(str(unit))).denominator == 1


def _counted(original: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    def reference(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        steps.take()
        return original(validator, value, instance, schema)

    return reference


_NAMES: dict[type, frozenset[str]] = {
    str: frozenset({"string"}),
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    dict: frozenset({"object"}),
    list: frozenset({"array"}),
    type(None): frozenset({"null"}),
}


def _type(validator: Any, wanted: str | list[str], instance: Any, schema: Any) -> Any:
    """As of jsonschema, in a third of the time where the answer is no: forms are told apart by it."""
    names = _NAMES[type(instance)]
    if wanted in names if isinstance(wanted, str) else not names.isdisjoint(wanted):
        return None
    if "integer" in wanted and isinstance(instance, float) and instance.is_integer():
        return None
    return (ValidationError("is of another type"),)


class _Children:
    """Validators of the parts of values and of the forms of one, made once for each schema.

    They are remembered by the identity of the schema object, which stands at one place of one document: so whatever
    refers to it, relative references inside it mean the same. Only `$dynamicRef` could tell the difference.
    """

    def __init__(self) -> None:
        self._of_properties: dict[int, dict[str, Any]] = {}
        self._of_items: dict[int, Any] = {}
        self._of_forms: dict[int, list[Any]] = {}

    def properties(self, validator: Any, properties: dict[str, Any], instance: Any, schema: Any) -> Any:
        if not isinstance(instance, dict):
            return
        children = self._of_properties.get(id(schema))
        if children is None:
            children = {name: validator.evolve(schema=below) for name, below in properties.items()}
            self._of_properties[id(schema)] = children
        for name, child in children.items():
            if name in instance:
                for error in child.iter_errors(instance[name]):
                    error.path.appendleft(name)
                    error.schema_path.appendleft(name)
                    yield error

    def items(self, validator: Any, items: Any, instance: Any, schema: Any) -> Any:
        if items is False:
            yield from _PLAIN["items"](validator, items, instance, schema)
            return
        if not isinstance(instance, list):
            return
        child = self._of_items.get(id(schema))
        if child is None:
            child = self._of_items[id(schema)] = validator.evolve(schema=items)
        for index in range(len(schema.get("prefixItems", ())), len(instance)):
            for error in child.iter_errors(instance[index]):
                error.path.appendleft(index)
                yield error

    def any_of(self, validator: Any, forms: list[Any], instance: Any, schema: Any) -> Any:
        _, errors = self._fitting(validator, forms, instance)
        yield from errors

    def one_of(self, validator: Any, forms: list[Any], instance: Any, schema: Any) -> Any:
        others, errors = self._fitting(validator, forms, instance)
        yield from errors
        if any(other.is_valid(instance) for other in others):
            yield ValidationError("matches more than one of its forms")

    def _fitting(self, validator: Any, forms: list[Any], instance: Any) -> tuple[list[Any], list[ValidationError]]:
        """The validators behind that of the first form that fits; without one, none and an error of what is wrong."""
        children = self._forms(validator, forms)
        wrong: list[ValidationError] = []
        for index, child in enumerate(children):
            errors = _under(index, child, instance)
            if not errors:
                return children[index + 1 :], []
            wrong += errors
        return [], [ValidationError("matches none of its forms", context=wrong)]

    def _forms(self, validator: Any, forms: list[Any]) -> list[Any]:
        """One for each of `forms`, which are of one place too."""
        children = self._of_forms.get(id(forms))
        if children is None:
            children = self._of_forms[id(forms)] = [validator.evolve(schema=form) for form in forms]
        return children


def _under(index: int, child: Any, instance: Any) -> list[ValidationError]:
    """What is wrong with `instance` as the form of that index."""
    errors = list(child.iter_errors(instance))
    for error in errors:
        error.schema_path.appendleft(index)
    return errors


class _Noting:
    """A validator that keeps what is wrong with the members that it is asked about by name."""

    def __init__(self, validator: Any) -> None:
        self._validator = validator
        self.wrong: dict[str, list[ValidationError]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._validator, name)

    def descend(self, instance: Any, schema: Any, path: Any = None, **more: Any) -> Iterator[ValidationError]:
        errors = list(self._validator.descend(instance, schema, path=path, **more))
        if path is not None and errors:
            self.wrong[path] = errors
        return iter(errors)


def _additional_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if wanted is True or not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", ()), schema.get("patternProperties", ())
    for name, item in instance.items():
        if name not in named and not any(re.search(pattern, name) for pattern in patterns):
            if wanted is False:
                yield ValidationError("is not allowed", path=[name])
            else:
                yield from validator.descend(item, wanted, path=name)


def _unevaluated_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    noting = _Noting(validator)
    if next(_PLAIN["unevaluatedProperties"](noting, wanted, instance, schema), None) is not None:
        for name, errors in noting.wrong.items():
            yield from [ValidationError("is not allowed", path=[name])] if wanted is False else errors


def _property_names(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in instance:
            if next(validator.descend(name, wanted), None) is not None:
                yield ValidationError("is not allowed", path=[name])


Keyword = Callable[[Any, Any, Any, Any], Any]


def validator_class(steps: Steps, *, dynamic: bool, custom: Keyword) -> Any:
    """The class whose instances check one schema each; `dynamic` when a document of theirs uses `$dynamicRef`.

    `custom` is what `x-validator` does.
    """
    children = _Children()
    quick: dict[str, Keyword] = {"items": children.items, "properties": children.properties}
    quick |= {"anyOf": children.any_of, "oneOf": children.one_of}
    return extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {
            **({} if dynamic else quick),
            "$ref": _counted(_PLAIN["$ref"], steps),
            "$dynamicRef": _counted(_PLAIN["$dynamicRef"], steps),
            "additionalProperties": _additional_properties,
            "multipleOf": _multiple_of,
            "propertyNames": _property_names,
            "type": _type,
            "unevaluatedProperties": _unevaluated_properties,
            "uniqueItems": _unique_items,
            "x-validator": custom,
        },
    )
