"""A first schema from one value: its types, its names, and the formats that its texts are in. Pure.

One sample says what may be there, not what must not: bounds, patterns and what is optional are for its author to add.
"""

from __future__ import annotations

import re
from typing import Any

from .formats import FORMATS

# Tried in this order; whatever fits one of these was hardly meant as something else.
_TELLING = ("uuid", "date-time", "date", "email", "ipv4", "ipv6", "uri")
_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_NUMERIC = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def schema_of(value: Any) -> dict[str, Any]:
    """A schema that `value` fits, as any other of the same names and types does."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {name: schema_of(item) for name, item in value.items()},
            "required": list(value),
            "additionalProperties": False,
        }
    if isinstance(value, list):
        return {"type": "array", **_items(value)}
    found: dict[str, Any] = {"type": _TYPES[type(value)]}
    if isinstance(value, str):
        found |= next(({"format": name} for name in _TELLING if FORMATS[name](value)), {})
    return found


def _items(values: list[Any]) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = []
    for value in values:
        kind = schema_of(value)
        if kind not in kinds:
            kinds.append(kind)
    if len(kinds) < 2:
        return {"items": kinds[0]} if kinds else {}
    return {"items": {"anyOf": kinds}}


def schema_of_fields(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """The same of a query or form: texts as the types that they look like, a name that repeats as a list."""
    values: dict[str, Any] = {}
    for name, text in fields:
        value = _looks_like(text)
        if name in values:
            kept = values[name]
            values[name] = [*kept, value] if isinstance(kept, list) else [kept, value]
        else:
            values[name] = value
    return schema_of(values)


def _looks_like(text: str) -> Any:
    found = _NUMERIC.fullmatch(text)
    if found is not None:
        return float(text) if found[1] else int(text)
    return {"true": True, "false": False}.get(text, text)


def template_of(path: str) -> str:
    """The path with numbers and uuids as names in braces, as it stands in the folder; "" for the root."""
    names, known = [], 0
    for word in path.strip("/").split("/"):
        if word.isdigit() or FORMATS["uuid"](word):
            known += 1
            names.append("{id}" if known == 1 else f"{{id{known}}}")
        elif word.startswith("_") or "{" in word:
            # Written as such in the folder, or it would be a shared file or a name.
            names.append("".join(f"%{ord(char):02X}" if char in "_{}" else char for char in word))
        else:
            names.append(word)
    return "/".join(names)
