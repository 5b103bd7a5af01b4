"""What the client reads about each violation, written from the schema's side alone.

The rejected value never shows, nor a property name that only the client knows. Pure: takes errors of jsonschema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import Any

from .load import escape

Violation = dict[str, str]
# A schema's own texts in a message: enough for people, not a whole enumeration.
_SHOWN = 200
# What the format and type words of JSON Schema are called in a sentence.
_ARTICLES = {"integer": "an integer", "object": "an object", "array": "an array", "null": "null"}

_SAY: dict[str, Callable[[Any], str]] = {
    "additionalItems": lambda limit: "has items that are not allowed",
    "additionalProperties": lambda limit: "has a property that is not allowed",
    "anyOf": lambda limit: "matches none of the allowed forms",
    "const": lambda limit: f"must be {_shown(limit)}",
    "contains": lambda limit: "does not contain the required item",
    "dependentRequired": lambda limit: "lacks a property that another one requires",
    "enum": lambda limit: "is not one of the allowed values: " + ", ".join(map(_shown, limit[:10]))
    if len(limit) <= 10
    else "is not one of the allowed values",
    "exclusiveMaximum": lambda limit: f"must be less than {limit}",
    "exclusiveMinimum": lambda limit: f"must be more than {limit}",
    "format": lambda limit: f"is not a valid {limit}",
    "maxContains": lambda limit: f"must contain at most {limit} matching item(s)",
    "maxItems": lambda limit: f"must have at most {limit} item(s)",
    "maxLength": lambda limit: f"must be at most {limit} character(s) long",
    "maxProperties": lambda limit: f"must have at most {limit} propert(y/ies)",
    "maximum": lambda limit: f"must be at most {limit}",
    "minContains": lambda limit: f"must contain at least {limit} matching item(s)",
    "minItems": lambda limit: f"must have at least {limit} item(s)",
    "minLength": lambda limit: f"must be at least {limit} character(s) long",
    "minProperties": lambda limit: f"must have at least {limit} propert(y/ies)",
    "minimum": lambda limit: f"must be at least {limit}",
    "multipleOf": lambda limit: f"must be a multiple of {limit}",
    "not": lambda limit: "is of a form that is not allowed",
    "oneOf": lambda limit: "must match exactly one of the allowed forms",
    "pattern": lambda limit: "does not match the required pattern",
    "propertyNames": lambda limit: "has a property name that is not allowed",
    "type": lambda limit: "must be " + " or ".join(map(_typed, [limit] if isinstance(limit, str) else limit)),
    "unevaluatedItems": lambda limit: "has items that are not allowed",
    "unevaluatedProperties": lambda limit: "has a property that is not allowed",
    "uniqueItems": lambda limit: "has an item twice",
}


def violation(error: Any, names: Collection[str]) -> Violation:
    """One error of jsonschema in words; `names` are all property names that the schema itself knows."""
    keyword = error.validator or "not"
    if keyword == "required":
        # jsonschema yields one error for each missing name, in the order of the schema, and tells it only in its text
        message = f"{_missing(error)!r} is required"
    else:
        say = _SAY.get(keyword)
        message = say(error.validator_value) if say else "is not allowed here"
    return {"pointer": pointer(error.absolute_path, names), "message": message, "keyword": keyword}


def _missing(error: Any) -> str:
    return next(name for name in error.validator_value if error.message.startswith(f"{name!r} is"))


def pointer(path: Iterable[Any], names: Collection[str]) -> str:
    """JSON pointer of the place, ended above the first name that the client chose itself."""
    found = ""
    for step in path:
        if isinstance(step, str) and step not in names:
            break
        found += "/" + escape(str(step))
    return found


def _typed(name: str) -> str:
    return _ARTICLES.get(name, f"a {name}")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
