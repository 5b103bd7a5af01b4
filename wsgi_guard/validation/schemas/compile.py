"""The schema folder as endpoints: one check and one shape for each part that has a file, or every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.routes import Routes, Template
from wsgi_guard.validation.pointers import escape
from wsgi_guard.validation.shapes import Shape

from .check import Check, property_names
from .custom import Validators
from .fast import Engine
from .formats import checker, is_pattern, pattern_problem
from .keywords import Steps, TooComplex, validator_class
from .load import Documents, read_folder
from .missing import is_optional
from .names import Address, address, is_shared, parameters
from .references import Folder, below, identified, places
from .sanitizing import cleaning
from .shape import Layer, ShapeBuilder
from .vocabulary import annotation_notes, annotation_problems
from .walk import rewritten, subschemas

# Enough of a message of the metaschema to see what is meant.
_SHOWN = 200
# Parts whose text is put in place of what the client sent.
REWRITABLE = ("body", "form")


@dataclass(frozen=True, slots=True)
class Part:
    """The schema of one part of a request."""

    name: str
    file: str
    check: Check
    shape: Shape
    # Whether the app reads the clean value too.
    rewrites: bool = False
    # Whether there may be nothing.
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is known of one method of one path template."""

    template: Template
    method: str
    parts: dict[str, Part]


class Compiled(NamedTuple):
    """All endpoints of a folder, and sentences about what is accepted but will not do what it says."""

    endpoints: list[Endpoint]
    notes: tuple[str, ...]


def compile_folder(
    root: Path, routes: Routes, validators: Validators | None = None, *, strips: bool = False, fast: bool = False
) -> Compiled:  # fmt: skip
    """What a folder holds, as `compile_documents`."""
    return compile_documents(*read_folder(root), routes, validators, strips=strips, fast=fast)


def compile_documents(
    documents: Documents, problems: list[str], routes: Routes, validators: Validators | None = None, *,
    strips: bool = False, fast: bool = False,
) -> Compiled:  # fmt: skip
    """What the documents of a folder, by name, hold; `problems` are those of reading it.

    `strips`: what cleans HTML can only leave tags out. `fast`: jsonschema-rs decides; ImportError where it is not.
    Raises ConfigurationError with every problem, each with its file and pointer.
    """
    addresses = _addresses(documents, routes, problems)
    valid: Documents = {}
    for name, document in documents.items():
        # the metaschema is made of parts, which say the same of a document that is nothing at all
        said = list(dict.fromkeys(_invalid(document)))
        if not said:
            valid[name] = document
            said = list(annotation_problems(document))
        problems.extend(f"{name}#{each}" for each in said)
    # what is invalid stands in empty, so that files that refer to it can be read
    folder = Folder({name: identified(name, rewritten(valid.get(name, {}))) for name in documents})
    for name in valid:
        problems.extend(f"{name}#{each}" for each in folder.problems(name, documents.keys() - valid.keys()))
    if not problems:
        maker = _Maker(folder, validators or Validators({}))
        problems.extend(maker.unknown(strips=strips))
        problems.extend(maker.problems(addresses))
    if problems:
        raise ConfigurationError([f"schemas: {problem}" for problem in problems])
    if fast:
        maker.engine = Engine(valid)
    notes = [f"{name}#{each}" for name, document in valid.items() for each in annotation_notes(document)]
    notes += maker.notes()
    return Compiled(_endpoints(addresses, maker, routes), tuple(f"schemas: {note}" for note in notes))


def _addresses(documents: Documents, routes: Routes, problems: list[str]) -> dict[str, Address]:
    """The address of each file that is routed; misnamed files and collisions become problems."""
    found: dict[str, Address] = {}
    taken: dict[tuple[str, str], tuple[str, str]] = {}
    files: dict[Address, str] = {}
    for name in documents:
        if is_shared(name):
            continue
        try:
            place = address(name)
            routes.add(place.template)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        template, other = taken.setdefault(place.shape, (place.template, name))
        twin = next((each for each, known in found.items() if known == place), None)
        if template != place.template:
            problems.append(f"{name}: matches the same requests as {other}, under other names")
        elif files.setdefault(place, name) != name:
            problems.append(f"{name}: describes the same as {files[place]}")
        elif twin is not None:
            problems.append(f"{name}: describes the same part of the same requests as {twin}")
        found[name] = place
    return found


def _invalid(document: Any) -> Iterator[str]:
    """Where a document is no JSON Schema, pointer in front."""
    # Only the format of patterns is asserted: a "{" in a $ref is no URI, but it is what the folder is called.
    metaschema = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=checker({"regex": is_pattern}))
    seen = set()
    for error in metaschema.iter_errors(document):
        at = "".join(f"/{escape(str(step))}" for step in error.absolute_path)
        reason = pattern_problem(error.instance) if error.validator == "format" else None
        said = f"{at}: is not valid JSON Schema: {error.message[:_SHOWN]}"
        if reason is not None:
            said = f"{at}: {error.instance[:_SHOWN]!r} is no pattern: {reason}"
        # each vocabulary of the metaschema says that a list is no schema
        if said not in seen:
            seen.add(said)
            yield said


class _Maker:
    """Makes the parts of endpoints; one for a folder, so that what files share is built once."""

    def __init__(self, folder: Folder, validators: Validators) -> None:
        self._folder = folder
        self._steps = Steps()
        self._validators = validators
        self._class = validator_class(self._steps, dynamic=folder.is_dynamic, custom=validators.keyword)
        self._checker = checker()
        self._any = self._validator({})
        self.engine: Engine | None = None
        # Identities of schemas whose default does not fit them.
        self._unfit: set[int] = set()
        cleans = any("x-sanitize" in schema for one in folder.documents.values() for _, schema in subschemas(one))
        self._shapes = ShapeBuilder(self._unfit, self._fitting, cleans=cleans)
        self._names = frozenset[str]().union(*map(property_names, folder.documents.values()))

    def notes(self) -> Iterator[str]:
        """A sentence for each default that its own schema would refuse: valid JSON Schema, but it fills nothing in."""
        for name, document in self._folder.documents.items():
            validator = self._validator(document)
            for at, schema, inside in places(document, self._folder.resolver(name)):
                # A function of the app's is not called before the app is there.
                if "default" in schema and "x-validator" not in schema and self._refuses(validator, schema, inside):
                    self._unfit.add(id(schema))
                    yield f"{name}#{at}/default: does not fit its own schema, so it is not filled in"

    def problems(self, addresses: dict[str, Address]) -> Iterator[str]:
        """A sentence for each keyword or name that means nothing where it stands."""
        for name, place in addresses.items():
            if place.part not in REWRITABLE and self._folder.documents[name].get("x-rewrite"):
                yield f"{name}#: 'x-rewrite' is for what stands in the body of a request, not for its {place.part}"
            if place.part == "path":
                for unknown in self._folder.documents[name].get("properties", {}).keys() - parameters(place.template):
                    yield f"{name}#/properties/{escape(unknown)}: {unknown!r} is no name in the path of the file"

    def unknown(self, *, strips: bool) -> Iterator[str]:
        """A sentence for each validator that is not declared, and each cleaning that cannot be done."""
        for name, document in self._folder.documents.items():
            for at, schema in subschemas(document):
                wanted = schema.get("x-validator")
                if wanted is not None and wanted not in self._validators:
                    yield f"{name}#{at}/x-validator: {wanted!r} is not declared in [validation.validators]"
                clean = cleaning(schema.get("x-sanitize"))
                if strips and clean is not None and not clean.strip:
                    yield f"{name}#{at}/x-sanitize: 'strip' cannot be false with the sanitizer nh3"

    def _validator(self, document: dict[str, Any]) -> Any:
        return self._class(document, registry=self._folder.registry, format_checker=self._checker)

    def _refuses(self, validator: Any, schema: dict[str, Any], inside: Any) -> bool:
        self._steps.allow(1)
        try:
            return next(validator.descend(schema["default"], schema, resolver=inside), None) is not None
        except (TooComplex, RecursionError):
            return True

    def _fitting(self, layers: list[Layer]) -> Callable[[Any], bool]:
        """Whether a value fits all of `layers`; each comes with the resolver outside it."""
        validators: list[Any] = []

        def fits(value: Any) -> bool:
            if not validators:
                # Only now: what is referred to may still be in the making before.
                validators[:] = [
                    self._any.evolve(schema=schema, _resolver=below(schema, outside)) for schema, outside in layers
                ]
            self._steps.allow(len(value) if isinstance(value, (dict, list)) else 1)
            try:
                return all(validator.is_valid(value) for validator in validators)
            except (TooComplex, RecursionError):
                return False

        return fits

    def part(self, name: str, place: Address) -> Part:
        document = self._folder.documents[name]
        shape = self._shapes.build(
            document, self._folder.registry.resolver(""), converts=place.part not in ("body", "files")
        )
        fits = self.engine.fits(name) if self.engine is not None else None
        check = Check(self._validator(document), self._steps, self._names, fits)
        optional = is_optional(document, self._folder.resolver(name))
        return Part(place.part, name, check, shape, bool(document.get("x-rewrite")), optional)


def _endpoints(addresses: dict[str, Address], maker: _Maker, routes: Routes) -> list[Endpoint]:
    found: dict[tuple[str, str], Endpoint] = {}
    for name, place in addresses.items():
        template = routes.add(place.template)
        endpoint = found.get((place.template, place.method))
        if endpoint is None:
            endpoint = found[place.template, place.method] = Endpoint(template, place.method, {})
        endpoint.parts[place.part] = maker.part(name, place)
    return list(found.values())
