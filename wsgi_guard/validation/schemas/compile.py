"""The schema folder as endpoints: one check and one shape for each part that has a file, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
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
