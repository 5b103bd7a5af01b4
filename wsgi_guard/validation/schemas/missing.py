"""Whether a body may be missing: JSON Schema has no word for it, so absent is null, and null has to be meant. Pure."""

from __future__ import annotations

from typing import Any

from .references import Resolver, same_value

# What says nothing of a value, or says it elsewhere.
_SILENT = frozenset({
    "$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema", "$vocabulary", "allOf",
    "anyOf", "default", "definitions", "deprecated", "description", "examples", "oneOf", "readOnly", "title",
    "writeOnly", "x-coerce", "x-rewrite", "x-sanitize", "x-threats",
})  # fmt: skip


def is_optional(schema: dict[str, Any], resolver: Resolver) -> bool:
    """Whether `schema` names null, by `type`, `enum` or `const`, as what may stand for all of the value, or says
    nothing at all. Without that `{"required": ["id"]}` would take a body that is not there."""
    found = [schema, *same_value(schema, resolver)]
    return any(map(_names_null, found)) or all(_SILENT.issuperset(one) for one in found)


def _names_null(schema: dict[str, Any]) -> bool:
    types = schema.get("type", ())
    if "null" in ([types] if isinstance(types, str) else types):
        return True
    return "type" not in schema and (None in schema.get("enum", ()) or ("const" in schema and schema["const"] is None))
