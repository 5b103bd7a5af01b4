"""The schema folder as endpoints: one check and one shape for each part that has a file, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing.exceptions import Unresolvable

from ...errors import ConfigurationError
from ...routes import Routes, Template
from ..shapes import Shape
from .check import Check, property_names
from .formats import checker
from .keywords import Steps, TooComplex, validator_class
from .load import Documents, escape, read_folder
from .names import Address, address, is_shared
from .references import Folder, identified, places
from .shape import ShapeBuilder
from .vocabulary import annotation_problems
from .walk import rewritten

# Enough of a message of the metaschema to see what is meant.
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Part:
    """The schema of one part of a request."""

    name: str
    file: str
    check: Check
    shape: Shape


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is known of one method of one path template."""

    template: Template
    method: str
    parts: dict[str, Part]


def compile_folder(root: Path, routes: Routes) -> list[Endpoint]:
    """All endpoints of a folder. Raises ConfigurationError with every problem, each with its file and pointer."""
    documents, problems = read_folder(root)
    addresses = _addresses(documents, routes, problems)
    for name, document in documents.items():
        problems.extend(f"{name}#{said}" for said in _invalid(document))
    if not problems:
        for name, document in documents.items():
            problems.extend(f"{name}#{said}" for said in annotation_problems(document))
    folder = Folder({name: identified(name, rewritten(document)) for name, document in documents.items()})
    if not problems:
        problems.extend(f"{name}#{said}" for name in folder.documents for said in folder.problems(name))
    if not problems:
        maker = _Maker(folder)
        problems.extend(maker.problems())
    if problems:
        raise ConfigurationError([f"schemas: {problem}" for problem in problems])
    return list(_endpoints(addresses, maker, routes))


def _addresses(documents: Documents, routes: Routes, problems: list[str]) -> dict[str, Address]:
    """The address of each file that is routed; misnamed files and collisions become problems."""
    found: dict[str, Address] = {}
    taken: dict[tuple[tuple[str, str], str], str] = {}
    for name in documents:
        if is_shared(name):
            continue
        try:
            place = address(name)
            routes.add(place.template)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        other = taken.setdefault((place.shape, place.part), name)
        if other != name:
            problems.append(f"{name}: matches the same requests as {other}")
        found[name] = place
    return found


def _invalid(document: Any) -> Iterator[str]:
    """Where a document is no JSON Schema, pointer in front."""
    metaschema = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    for error in metaschema.iter_errors(document):
        at = "".join(f"/{escape(str(step))}" for step in error.absolute_path)
        yield f"{at}: is not valid JSON Schema: {error.message[:_SHOWN]}"


class _Maker:
    """Makes the parts of endpoints; one for a folder, so that what files share is built once."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._steps = Steps()
        self._class = validator_class(self._steps)
        self._checker = checker()
        self._shapes = ShapeBuilder()

    def problems(self) -> Iterator[str]:
        """A sentence for each default that its own schema would refuse: the app could not rely on it."""
        for name in self._folder.documents:
            for at, schema, inside in places(self._folder.documents[name], self._folder.resolver(name)):
                if "default" in schema and self._refuses(schema, inside):
                    yield f"{name}#{at}/default: does not fit its own schema"

    def _refuses(self, schema: dict[str, Any], inside: Any) -> bool:
        self._steps.allow(1)
        validator = self._class(schema, registry=self._folder.registry, format_checker=self._checker, _resolver=inside)
        try:
            return not validator.is_valid(schema["default"])
        except (TooComplex, RecursionError, Unresolvable):
            return True

    def part(self, name: str, place: Address) -> Part:
        document = self._folder.documents[name]
        validator = self._class(document, registry=self._folder.registry, format_checker=self._checker)
        names = frozenset[str]().union(*map(property_names, self._folder.documents.values()))
        shape = self._shapes.build(document, self._folder.registry.resolver(""))
        return Part(place.part, name, Check(validator, self._steps, names), shape)


def _endpoints(addresses: dict[str, Address], maker: _Maker, routes: Routes) -> Iterator[Endpoint]:
    found: dict[tuple[str, str], Endpoint] = {}
    for name, place in addresses.items():
        template = routes.add(place.template)
        endpoint = found.get((place.template, place.method))
        if endpoint is None:
            endpoint = found[place.template, place.method] = Endpoint(template, place.method, {})
        endpoint.parts[place.part] = maker.part(name, place)
    return iter(found.values())
