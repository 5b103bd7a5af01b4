"""What a schema says of a value's shape, as far as conversion, defaults and threat detection need to know.

Follows `properties`, `items`, `additionalProperties`, `$ref` and `allOf`; alternatives (`anyOf`, `oneOf`) only tell
which types a value may have. Built once at start, also for schemas that refer to themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from wsgi_guard.validation.cleaning import Cleaning
from wsgi_guard.validation.shapes import Shape
from wsgi_guard.validation.threats.classes import CLASSES

from .formats import PINNED
from .references import Resolver, below, followed
from .sanitizing import cleaning

Layer = tuple[Any, Resolver]
_ALL = frozenset(CLASSES)
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", list: "array"}


class Inherited(NamedTuple):
    """What the places above say of those below: classes not to look for, whether to convert, how to clean texts.

    `rewrites`: what the app reads is clean too.
    """

    skip: frozenset[str] = frozenset()
    coerce: bool = True
    clean: Cleaning | None = None
    rewrites: bool = False

    def at(self, layers: list[Layer]) -> Inherited:
        """The same for a place of which `layers` speak."""
        skip = self.skip.union(*(_skipped(schema) for schema, _ in layers))
        coerce = self.coerce and all(schema.get("x-coerce", True) for schema, _ in layers)
        clean = next((cleaning(schema["x-sanitize"]) for schema, _ in layers if "x-sanitize" in schema), self.clean)
        return Inherited(skip, coerce, clean, self.rewrites)


class ShapeBuilder:
    """Builds the shape of a schema; one builder for a folder, so that what is shared is built once."""

    def __init__(self) -> None:
        self._built: dict[Any, Shape] = {}

    def build(self, schema: Any, resolver: Resolver) -> Shape:
        rewrites = isinstance(schema, dict) and schema.get("x-rewrite", False)
        shape = self._shape([(schema, resolver)], Inherited(rewrites=rewrites))
        for _ in self._built:  # a default deep in a circle is seen from its far side after as many rounds
            changed = [built.settle() for built in self._built.values()]
            if not any(changed):
                break
        return shape

    def _shape(self, layers: list[Layer], above: Inherited) -> Shape:
        layers = [each for layer in layers for each in _flat(layer, set())]
        here = above.at(layers)
        key = (tuple(id(schema) for schema, _ in layers), here)
        if key not in self._built:
            shape = self._built[key] = Shape()
            self._fill(shape, layers, here)
        return self._built[key]

    def _fill(self, shape: Shape, layers: list[Layer], here: Inherited) -> None:
        shape.types = _types(layers)
        shape.coerce = here.coerce
        pinned = _is_pinned(layers)
        shape.clean = None if pinned else here.clean
        # Markup in a text that comes clean to whoever reads it is no attack.
        clean = frozenset({"xss"}) if shape.clean is not None and here.rewrites else frozenset[str]()
        shape.skip = _ALL if pinned else here.skip | clean
        shape.silent = shape.skip == _ALL
        named: dict[str, list[Layer]] = {}
        for schema, inside in layers:
            for name, part in schema.get("properties", {}).items():
                named.setdefault(name, []).append((part, inside))
        shape.defaults = dict(_defaults(named))
        shape.properties = {name: self._shape(parts, here) for name, parts in named.items()}
        shape.patterns = [
            (re.compile(pattern), self._shape([(part, inside)], here))
            for schema, inside in layers
            for pattern, part in schema.get("patternProperties", {}).items()
        ]
        shape.additional = self._optional("additionalProperties", layers, here)
        shape.items = self._optional("items", layers, here)
        shape.prefix = [self._shape(parts, here) for parts in _by_index(layers)]

    def _optional(self, keyword: str, layers: list[Layer], here: Inherited) -> Shape:
        found = [(schema[keyword], inside) for schema, inside in layers if keyword in schema]
        return self._shape(found, here)


def _defaults(named: dict[str, list[Layer]]) -> Iterator[tuple[str, Any]]:
    """The default of each property that has one; a nearer one counts before that of a reference."""
    for name, parts in named.items():
        found = [schema for part in parts for schema, _ in _flat(part, set()) if "default" in schema]
        if found:
            yield name, found[0]["default"]


def _by_index(layers: list[Layer]) -> Iterator[list[Layer]]:
    longest = max((len(schema.get("prefixItems", ())) for schema, _ in layers), default=0)
    for index in range(longest):
        yield [(schema["prefixItems"][index], inside) for schema, inside in layers
               if index < len(schema.get("prefixItems", ()))]  # fmt: skip


def _flat(layer: Layer, seen: set[int]) -> Iterator[Layer]:
    """A schema and all that hold for the same value together with it."""
    schema, resolver = layer
    if not isinstance(schema, dict) or id(schema) in seen:
        return
    seen.add(id(schema))
    inside = below(schema, resolver)
    yield schema, inside
    for target in followed(schema, inside):
        yield from _flat(target, seen)
    for part in schema.get("allOf", ()):
        yield from _flat((part, inside), seen)


def _skipped(schema: dict[str, Any]) -> frozenset[str]:
    found = schema.get("x-threats", ())
    return _ALL if found is False else frozenset(found)


def _is_pinned(layers: list[Layer]) -> bool:
    """Whether no text of the client's own choice can stand here."""
    return any(_pins(schema, inside) for schema, inside in layers)


def _pins(schema: dict[str, Any], inside: Resolver) -> bool:
    if "enum" in schema or "const" in schema:
        return True
    types = _own_types(schema)
    if types is not None and not types & {"string", "object", "array"}:
        return True
    if schema.get("format") in PINNED and types is not None and not types & {"object", "array"}:
        return True
    return any(keyword in schema and _all_pinned(schema[keyword], inside) for keyword in ("anyOf", "oneOf"))


def _all_pinned(parts: list[Any], inside: Resolver) -> bool:
    return all(isinstance(part, dict) and _is_pinned(list(_flat((part, inside), set()))) for part in parts)


def _types(layers: list[Layer]) -> frozenset[str] | None:
    """The types that every layer allows, None when none of them says."""
    found: frozenset[str] | None = None
    for schema, inside in layers:
        types = _own_types(schema)
        if types is None:
            types = _types_of_alternatives(schema, inside)
        if types is not None:
            found = types if found is None else found & types
    return found


def _own_types(schema: dict[str, Any]) -> frozenset[str] | None:
    types = schema.get("type")
    if types is not None:
        return frozenset([types] if isinstance(types, str) else types)
    if "enum" not in schema and "const" not in schema:
        return None
    values = schema["enum"] if "enum" in schema else [schema["const"]]
    return frozenset(_TYPES.get(type(value), "object") for value in values)


def _types_of_alternatives(schema: dict[str, Any], inside: Resolver) -> frozenset[str] | None:
    for keyword in ("anyOf", "oneOf"):
        found = [_types(list(_flat((part, inside), set()))) for part in schema.get(keyword, ())]
        if found and all(types is not None for types in found):
            return frozenset().union(*(types for types in found if types is not None))
    return None
