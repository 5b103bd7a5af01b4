"""The validator class: jsonschema's for draft 2020-12, with the keywords a client could make slow or wrong replaced.

Found by reading jsonschema 4.26: `uniqueItems` compares every pair of items that cannot be sorted, `multipleOf` fails
on 19.99 and 0.01 and raises OverflowError on a long integer, and alternatives that refer back to their schema double
the work with each level of nesting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

# A reference costs jsonschema about 25 microseconds. A real document needs a few for each of its values; the
# allowance keeps a small one that makes alternatives multiply below half a second.
ALLOWANCE = 10_000
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


def validator_class(steps: Steps) -> Any:
    """The class whose instances check one schema each."""
    plain = Draft202012Validator.VALIDATORS
    return extend(
        Draft202012Validator,
        {
            "$ref": _counted(plain["$ref"], steps),
            "$dynamicRef": _counted(plain["$dynamicRef"], steps),
            "multipleOf": _multiple_of,
            "uniqueItems": _unique_items,
        },
    )
