"""Which places of a JSON Schema document are schemas themselves, and how to get to them.

Values of `enum`, `const`, `default` and `examples` may look like schemas and are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wsgi_guard.validation.pointers import escape

from .patterns import ecma
from .uris import canonical

_ONE = frozenset({
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_REFERRING = frozenset({"$dynamicRef", "$id", "$ref"})
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
# Keywords whose schemas look at the same value, not at a part of it.
IN_PLACE = frozenset({"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then"})

Step = tuple[str, str, Any]


def children(schema: dict[str, Any]) -> Iterator[Step]:
    """(keyword, pointer from here, subschema) of each schema directly below `schema`."""
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield keyword, f"/{keyword}", value
        elif keyword in _LIST and isinstance(value, list):
            for index, below in enumerate(value):
                yield keyword, f"/{keyword}/{index}", below
        elif keyword in _NAMED and isinstance(value, dict):
            for name, below in value.items():
                yield keyword, f"/{keyword}/{escape(name)}", below


def subschemas(schema: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a document that is an object, the root first, each with its JSON pointer."""
    if isinstance(schema, dict):
        yield at, schema
        for _, step, below in children(schema):
            yield from subschemas(below, at + step)


def rewritten(schema: Any, pattern: Callable[[str], str] = ecma) -> Any:
    """A copy of a document with its references in one spelling, and in which patterns mean what ECMA-262 says.

    In Python `$` also matches ahead of a last line break, so `^[a-z]+$` would let "abc\\n" through; `pattern` is what
    patterns become. `$schema` goes too: every file is 2020-12 by contract.
    """
    if not isinstance(schema, dict):
        return schema
    return {
        keyword: _rewritten_value(keyword, value, pattern) for keyword, value in schema.items() if keyword != "$schema"
    }


def _rewritten_value(keyword: str, value: Any, pattern: Callable[[str], str]) -> Any:
    if keyword in _REFERRING and isinstance(value, str):
        return canonical(value)
    if keyword == "pattern" and isinstance(value, str):
        return pattern(value)
    if keyword == "patternProperties" and isinstance(value, dict):
        return {pattern(name): rewritten(below, pattern) for name, below in value.items()}
    if keyword in _ONE:
        return rewritten(value, pattern)
    if keyword in _LIST and isinstance(value, list):
        return [rewritten(below, pattern) for below in value]
    if keyword in _NAMED and isinstance(value, dict):
        return {name: rewritten(below, pattern) for name, below in value.items()}
    return value
