"""What the client reads about each violation, written from the schema's side alone.

The rejected value never shows. Names of the client's own show in the pointer, which goes to nobody else; what goes on
record ends above them. Pure: takes errors of jsonschema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import takewhile
from typing import Any

from wsgi_guard.validation.pointers import pointer

Violation = dict[str, str]
# A schema's own texts in a message: enough for people, not a whole enumeration.
_SHOWN = 200
_LISTED = 10
# What the format and type words of JSON Schema are called in a sentence.
_ARTICLES = {"integer": "an integer", "object": "an object", "array": "an array", "null": "null"}

_SAY: dict[str, Callable[[Any], str]] = {
    "additionalProperties": lambda limit: "is a property that is not allowed",
    "anyOf": lambda limit: "matches none of the allowed forms",
    "const": lambda limit: f"must be {_shown(limit)}",
    "contains": lambda limit: "does not contain the required item",
    "dependentRequired": lambda limit: "lacks a property that another one requires",
    "enum": lambda limit: "is not one of the allowed values" + _listed(limit),
    "exclusiveMaximum": lambda limit: f"must be less than {limit}",
    "exclusiveMinimum": lambda limit: f"must be more than {limit}",
    "format": lambda limit: f"is not a valid {limit}",
    "items": lambda limit: "has items that are not allowed",
    "maxContains": lambda limit: "must contain at most " + _many(limit, "matching item"),
    "maxItems": lambda limit: "must have at most " + _many(limit, "item"),
    "maxLength": lambda limit: f"must be at most {_many(limit, 'character')} long",
    "maxProperties": lambda limit: "must have at most " + _many(limit, "property", "properties"),
    "maximum": lambda limit: f"must be at most {limit}",
    "minContains": lambda limit: "must contain at least " + _many(limit, "matching item"),
    "minItems": lambda limit: "must have at least " + _many(limit, "item"),
    "minLength": lambda limit: f"must be at least {_many(limit, 'character')} long",
    "minProperties": lambda limit: "must have at least " + _many(limit, "property", "properties"),
    "minimum": lambda limit: f"must be at least {limit}",
    "multipleOf": lambda limit: f"must be a multiple of {limit}",
    "not": lambda limit: "is of a form that is not allowed",
    "oneOf": lambda limit: "must match exactly one of the allowed forms",
    "pattern": lambda limit: "does not match the required pattern",
    "propertyNames": lambda limit: "has a name that is not allowed",
    "type": lambda limit: "must be " + " or ".join(map(_typed, [limit] if isinstance(limit, str) else limit)),
    "unevaluatedItems": lambda limit: "has items that are not allowed",
    "unevaluatedProperties": lambda limit: "is a property that is not allowed",
    "uniqueItems": lambda limit: "has an item twice",
    "x-validator": lambda name: f"is not a valid {name}",
}


def violation(error: Any, names: Collection[str]) -> Violation:
    """One error of jsonschema in words; `names` are all property names that the schema itself knows.

    `place` is the pointer for the record.
    """
    keyword = error.validator or "not"
    if keyword == "required":
        message = f"{_missing(error)!r} is required"
    elif keyword in ("anyOf", "oneOf") and (types := _types(error)):
        keyword, message = "type", _SAY["type"](types)
    else:
        say = _SAY.get(keyword)
        message = say(error.validator_value) if say else "is not allowed here"
    path = error.absolute_path
    return {"pointer": pointer(path), "message": message, "keyword": keyword, "place": pointer(_known(path, names))}


def _missing(error: Any) -> str:
    """jsonschema yields an error for each missing name, and tells which only in its text."""
    names: list[str] = error.validator_value
    return next(name for name in names if error.message.startswith(f"{name!r} is"))


def _known(path: Iterable[Any], names: Collection[str]) -> Iterator[Any]:
    """The steps ahead of the first name that the client chose itself."""
    return takewhile(lambda step: not isinstance(step, str) or step in names, path)


def steps(path: Iterable[Any]) -> tuple[tuple[int, int, str], ...]:
    """What puts places in order: a value ahead of its parts, items by number, members by name."""
    return tuple((0, step, "") if isinstance(step, int) else (1, 0, step) for step in path)


def _types(error: Any) -> list[str]:
    """The types that alternatives ask for, if the value has none of them: then nothing else about them matters."""
    found: list[str] = []
    for below in error.context:
        if below.validator != "type" or below.relative_path:
            return []
        types = below.validator_value
        found += [name for name in ([types] if isinstance(types, str) else types) if name not in found]
    return found


def _many(number: Any, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"


def _listed(values: list[Any]) -> str:
    return ": " + ", ".join(map(_shown, values)) if len(values) <= _LISTED else ""


def _typed(name: str) -> str:
    return _ARTICLES.get(name, f"a {name}")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
