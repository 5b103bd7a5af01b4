"""The schema files as the layer uses them, read at start and whenever they are to be read again.

What needs jsonschema is imported here, by functions: who has no schemas does without.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.routes import Routes
from wsgi_guard.settings.sections import ValidationSection

from .cleaning import Html, engine

if TYPE_CHECKING:
    from .schemas.compile import Endpoint

# Path of a folder, and its documents by name.
Kept = tuple[str, Mapping[str, Any]]
ABSENT = "validation.{key}: the package {package!r} is not installed; it comes with wsgi-guard[fast]"
FELL_BACK = "schema files cannot be used, those before them stay: {problems}"


class Loaded(NamedTuple):
    """Endpoints by template and method, what cleans HTML for them, and sentences for the log."""

    endpoints: Mapping[Any, Mapping[str, Endpoint]]
    html: Html | None = None
    notes: tuple[str, ...] = ()


def root_of(section: ValidationSection, folder: str) -> Path:
    """Where the schema folder is; `folder` is what its setting is relative to."""
    return Path(os.path.join(folder, section.schemas or ""))


def load(section: ValidationSection, routes: Routes, folder: str, kept: Kept | None = None) -> Loaded:
    """What the folder says now; if that cannot be used what `kept` says of the same folder, and a note.

    Raises ConfigurationError.
    """
    if section.schemas is None:
        return Loaded({})
    from .schemas.load import read_folder, strays

    root = root_of(section, folder)
    documents, problems = read_folder(root)
    try:
        loaded = _compiled(section, routes, documents, problems)
        return loaded._replace(notes=(*loaded.notes, *(f"schemas: {stray}" for stray in strays(root))))
    except ConfigurationError as error:
        if kept is None or kept[0] != str(root):
            raise
        loaded = _compiled(section, routes, dict(kept[1]), [])
        return loaded._replace(notes=(*loaded.notes, FELL_BACK.format(problems="; ".join(error.problems))))


def _compiled(
    section: ValidationSection, routes: Routes, documents: dict[str, Any], problems: list[str]
) -> Loaded:  # fmt: skip
    from .schemas.compile import compile_documents
    from .schemas.custom import Validators

    validators, strips = Validators(dict(section.validators)), section.sanitizer == "nh3"
    found: dict[Any, dict[str, Endpoint]] = {}
    fast = section.engine == "jsonschema-rs"
    try:
        compiled = compile_documents(documents, problems, routes, validators, strips=strips, fast=fast)
    except ImportError:
        raise ConfigurationError([ABSENT.format(key="engine", package=section.engine)]) from None
    for endpoint in compiled.endpoints:
        found.setdefault(endpoint.template, {})[endpoint.method] = endpoint
    return Loaded(found, _html(section, found), compiled.notes)


def _html(section: ValidationSection, endpoints: Mapping[Any, Mapping[str, Endpoint]]) -> Html | None:
    """What cleans HTML, imported only where a schema asks for it. Raises ConfigurationError when it is not there."""
    known = (endpoint for methods in endpoints.values() for endpoint in methods.values())
    if not any(part.shape.cleans for endpoint in known for part in endpoint.parts.values()):
        return None
    try:
        return engine(section.sanitizer)
    except ImportError:
        raise ConfigurationError([ABSENT.format(key="sanitizer", package=section.sanitizer)]) from None


def proven(section: ValidationSection, folder: str) -> Kept:
    """The documents of the folder once they have been found right, without a look at the app's own functions.

    Raises ConfigurationError.
    """
    from .schemas.compile import compile_documents
    from .schemas.custom import Validators
    from .schemas.load import read_folder

    root = root_of(section, folder)
    documents, problems = read_folder(root)
    names = [name for name, _ in section.validators]
    compile_documents(documents, problems, Routes(), Validators.named(names), strips=section.sanitizer == "nh3")
    return str(root), documents
