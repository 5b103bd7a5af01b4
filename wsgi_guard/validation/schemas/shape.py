"""What a schema says of a value's shape, as far as conversion, defaults and threat detection need to know.

Follows `properties`, `items`, `additionalProperties`, `$ref` and `allOf`. Alternatives (`anyOf`, `oneOf`, `then` and so
on) only tell which types a value may have, and how to clean it: what may have to be clean is cleaned. Built once at
start, also for schemas that refer to themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from itertools import islice
from typing import Any, NamedTuple

from wsgi_guard.validation.cleaning import Cleaning
from wsgi_guard.validation.shapes import Shape
from wsgi_guard.validation.threats.classes import CLASSES

from .formats import PINNED
from .references import Resolver, below, followed
from .sanitizing import cleaning
from .walk import IN_PLACE, children

Layer = tuple[Any, Resolver]
# Tells of some layers whether a value fits all of them.
Fitting = Callable[[list[Layer]], Callable[[Any], bool]]
# Forms of one value that are told apart; more are no help to anybody who reads the schema either.
FORMS = 16
_ALL = frozenset(CLASSES)
# Keywords whose schemas hold for the same value in some cases.
_CASES = IN_PLACE - {"allOf", "not"}
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", list: "array"}


class Inherited(NamedTuple):
    """What the places above say of those below: classes not to look for, whether to convert, how to clean texts.

    `rewrites`: what the app reads is clean too. `converts`: texts are to become what the schema wants.
    """

    skip: frozenset[str] = frozenset()
    coerce: bool = True
    clean: Cleaning | None = None
    rewrites: bool = False
    converts: bool = False

    def at(self, layers: list[Layer], maybe: list[Layer]) -> Inherited:
        """The same for a place of which `layers` speak, and `maybe` in some cases."""
        skip = self.skip.union(*(_skipped(schema) for schema, _ in layers))
        coerce = self.coerce and all(schema.get("x-coerce", True) for schema, _ in layers)
        clean = self.clean
        said = [cleaning(schema["x-sanitize"]) for schema, _ in layers if "x-sanitize" in schema]
        perhaps = [found for schema, _ in maybe if (found := cleaning(schema.get("x-sanitize")))]
        if said:
            clean = said[0]
        elif perhaps:
            clean = min(perhaps, key=lambda found: (len(found.tags), len(found.attributes)))
        return self._replace(skip=skip, coerce=coerce, clean=clean)


class ShapeBuilder:
    """Builds the shape of a schema; one builder for a folder, so that what is shared is built once."""

    def __init__(self, unfit: Container[int], fitting: Fitting, *, cleans: bool) -> None:
        # Schemas, by identity, whose default does not fill anything in.
        self._unfit = unfit
        self._fitting = fitting
        self._built: dict[Any, Shape] = {}
        # Whether any document of the folder wants a text cleaned; else alternatives are not looked into.
        self._cleans = cleans

    def build(self, schema: Any, resolver: Resolver, *, converts: bool) -> Shape:
        """The shape of a file; `converts` if its values come as texts."""
        rewrites = isinstance(schema, dict) and schema.get("x-rewrite", False)
        shape = self._shape([(schema, resolver)], Inherited(rewrites=rewrites, converts=converts))
        for _ in self._built:  # a default deep in a circle is seen from its far side after as many rounds
            changed = [built.settle() for built in self._built.values()]
            if not any(changed):
                break
        return shape

    def _shape(
        self, layers: list[Layer], above: Inherited, maybe: list[Layer] | None = None, *, one_form: bool = False
    ) -> Shape:  # fmt: skip
        """The shape of a place of which `layers` speak. `one_form`: which of the forms it has is decided."""
        given, layers = layers, [each for layer in layers for each in _flat(layer, set())]
        maybe = _alternatives(layers, maybe or []) if self._cleans else []
        here = above.at(layers, maybe)
        key = (tuple(id(schema) for schema, _ in layers), tuple(id(schema) for schema, _ in maybe), here, one_form)
        if key not in self._built:
            shape = self._built[key] = Shape()
            self._fill(shape, layers, maybe, here)
            if here.converts and here.coerce and not one_form:
                forms = islice(forms_of(layers), FORMS)
                shape.choices = tuple(self._shape([*given, *form], above, one_form=True) for form in forms)
                if shape.choices or _is_ambiguous(shape.types):
                    shape.fits = self._fitting(given)
        return self._built[key]

    def _fill(self, shape: Shape, layers: list[Layer], maybe: list[Layer], here: Inherited) -> None:
        shape.types = _types(layers)
        shape.coerce = here.coerce
        pinned = _is_pinned(layers)
        shape.clean = None if pinned else here.clean
        # Markup in a text that comes clean to whoever reads it is no attack.
        clean = frozenset({"xss"}) if shape.clean is not None and here.rewrites else frozenset[str]()
        shape.skip = _ALL if pinned else here.skip | clean
        shape.silent = shape.skip == _ALL
        named, perhaps = _named(layers), _named(maybe)
        shape.defaults = dict(self._defaults(named))
        shape.properties = {
            name: self._shape(named.get(name) or _unnamed(name, layers), here, perhaps.get(name))
            for name in named | perhaps
        }
        others, unknown = _at("additionalProperties", layers), _at("additionalProperties", maybe)
        unknown += _at("unevaluatedProperties", [*layers, *maybe])
        shape.patterns = [
            *((re.compile(pattern), self._shape([part], here, unknown)) for pattern, part in _patterns(layers)),
            *((re.compile(pattern), self._shape(others, here, [part])) for pattern, part in _patterns(maybe)),
        ]
        shape.additional = self._shape(others, here, unknown)
        self._fill_items(shape, layers, maybe, here)

    def _defaults(self, named: dict[str, list[Layer]]) -> Iterator[tuple[str, Any]]:
        """The default of each property that has one; a nearer one counts before that of a reference."""
        for name, parts in named.items():
            found = [schema for part in parts for schema, _ in _flat(part, set()) if "default" in schema]
            if found and id(found[0]) not in self._unfit:
                yield name, found[0]["default"]

    def _fill_items(self, shape: Shape, layers: list[Layer], maybe: list[Layer], here: Inherited) -> None:
        items, perhaps = _at("items", layers), _at("items", maybe)
        for keyword in ("contains", "unevaluatedItems"):
            perhaps += _at(keyword, [*layers, *maybe])
        shape.items = self._shape(items, here, perhaps)
        first, other = list(_by_index(layers)), list(_by_index(maybe))
        for at in range(max(len(first), len(other))):
            sure = first[at] if at < len(first) else items
            unsure = other[at] if at < len(other) else []
            shape.prefix.append(self._shape(sure, here, perhaps + unsure))


def _is_ambiguous(types: frozenset[str] | None) -> bool:
    """Whether a text could become values of several types."""
    return types is not None and len(types - {"null", "number"}) + ("number" in types and "integer" not in types) > 1


def _named(layers: list[Layer]) -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = {}
    for schema, inside in layers:
        for name, part in schema.get("properties", {}).items():
            found.setdefault(name, []).append((part, inside))
    return found


def _at(keyword: str, layers: list[Layer]) -> list[Layer]:
    return [(schema[keyword], inside) for schema, inside in layers if keyword in schema]


def _patterns(layers: list[Layer]) -> Iterator[tuple[str, Layer]]:
    for schema, inside in layers:
        yield from ((pattern, (part, inside)) for pattern, part in schema.get("patternProperties", {}).items())


def _unnamed(name: str, layers: list[Layer]) -> list[Layer]:
    """What holds for a property that only alternatives name."""
    found = [part for pattern, part in _patterns(layers) if re.search(pattern, name)]
    return found[:1] or _at("additionalProperties", layers)


def _by_index(layers: list[Layer]) -> Iterator[list[Layer]]:
    longest = max((len(schema.get("prefixItems", ())) for schema, _ in layers), default=0)
    for index in range(longest):
        yield [(schema["prefixItems"][index], inside) for schema, inside in layers
               if index < len(schema.get("prefixItems", ()))]  # fmt: skip


def _flat(layer: Layer, seen: set[int]) -> Iterator[Layer]:
    """A schema and all that hold for the same value together with it."""
    schema, resolver = layer
    if isinstance(schema, dict):
        yield from _flat_inside(schema, below(schema, resolver), seen)


def _flat_inside(schema: dict[str, Any], inside: Resolver, seen: set[int]) -> Iterator[Layer]:
    if id(schema) in seen:
        return
    seen.add(id(schema))
    yield schema, inside
    for target, there in followed(schema, inside):
        yield from _flat_inside(target, there, seen)
    for part in schema.get("allOf", ()):
        yield from _flat((part, inside), seen)


def _alternatives(layers: list[Layer], maybe: list[Layer]) -> list[Layer]:
    """What may hold for the same value besides `layers`: `maybe`, and what all of them say for some cases."""
    seen = {id(schema) for schema, _ in layers}
    found = [each for layer in maybe for each in _flat(layer, seen)]
    rest = [*layers, *found]
    while rest:
        schema, inside = rest.pop()
        for keyword, _, part in children(schema):
            if keyword in _CASES:
                more = list(_flat((part, inside), seen))
                found += more
                rest += more
    return found


def forms_of(layers: list[Layer]) -> Iterator[list[Layer]]:
    """What else is said of a value in each of the forms that it may have, the forms of forms included."""
    for schema, inside in layers:
        for form in _cases(schema):
            found = [(part, inside) for part in form if isinstance(part, dict)]
            yield found
            flat = [each for layer in found for each in _flat(layer, set())]
            yield from ([*found, *more] for more in forms_of(flat))


def _cases(schema: dict[str, Any]) -> Iterator[list[Any]]:
    for keyword in ("anyOf", "oneOf"):
        yield from ([part] for part in schema.get(keyword, ()))
    yield from ([part] for part in schema.get("dependentSchemas", {}).values())
    if "if" in schema:
        yield [schema["if"], schema.get("then", True)]
        yield [schema.get("else", True)]


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
