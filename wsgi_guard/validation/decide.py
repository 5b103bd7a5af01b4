"""The policy of validation, pure: which schema a request meets, what to read of it, what a value's place excuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import Refused
from ..routes import Hit, Route
from ..settings.sections import ExcludeSection
from .shapes import Shape

# Violations told to a client; a hundred would help nobody more than these do.
SHOWN = 20
MISFIT = "the request does not fit its schema"
AMBIGUOUS = "the path of the request can be read in two ways that have different schemas"
UNTYPED = "the body of the request must be {}, said in its Content-Type"

# Kinds of bodies without a schema that the threat screen reads (DESIGN: JSON, form, text).
SCREENED = frozenset({"json", "lines", "form", "text"})
BODIES = {"body": ("json",), "form": ("form",)}
NAMES = {"body": "JSON (application/json)", "form": "a form (application/x-www-form-urlencoded)"}

Endpoints = Mapping[Any, Mapping[str, Any]]


class Excuse(NamedTuple):
    """Where not to look: None stands for every part, every place, every class."""

    part: str | None
    pointer: str | None
    classes: frozenset[str]

    def covers(self, part: str, pointer: str, kind: str) -> bool:
        if self.part is not None and self.part != part:
            return False
        below = self.pointer is None or pointer == self.pointer or pointer.startswith(self.pointer + "/")
        return below and (not self.classes or kind in self.classes)


def endpoint(route: Route, verb: str, endpoints: Endpoints) -> tuple[Any, Hit] | None:
    """The endpoint that describes this request, and how it matched; None when no schema does.

    Raises Refused (400) when the forms of the path lead to different ones.
    """
    found: tuple[Any, Hit] | None = None
    for hits in route.forms:
        first = _first(hits, verb, endpoints)
        if first is not None and found is not None and first[0] is not found[0]:
            raise Refused(400, AMBIGUOUS)
        found = found or first
    return found


def _first(hits: Iterable[Hit], verb: str, endpoints: Endpoints) -> tuple[Any, Hit] | None:
    for hit in hits:
        known = endpoints.get(hit.template, {}).get(verb)
        if known is not None:
            return known, hit
    return None


def body_part(parts: Mapping[str, Any], kind: str) -> str | None:
    """Which part describes a body of this kind; None when none is described. Raises Refused (415) for another kind."""
    described = [part for part in BODIES if part in parts]
    for part in described:
        if kind in BODIES[part]:
            return part
    if described:
        raise Refused(415, UNTYPED.format(" or ".join(NAMES[part] for part in described)))
    return None


def misfit(violations: Sequence[Mapping[str, str]]) -> Refused:
    """The 400 that tells all mistakes, at most SHOWN of them."""
    return Refused(400, MISFIT, members={"errors": list(violations[:SHOWN])})


def excuses(route: Route, excluded: Sequence[tuple[Any, ExcludeSection]]) -> tuple[Excuse, ...]:
    """Those of the exclusions whose template matches the route."""
    templates = {hit.template for hit in route.hits}
    return tuple(
        Excuse(section.part, section.pointer, frozenset(section.classes))
        for template, section in excluded
        if template in templates
    )


def leaves(value: Any, shape: Shape, pointer: str = "") -> Iterable[tuple[str, str, Shape]]:
    """(pointer, text, shape) of every text in a JSON value, names of members included, without recursion."""
    rest: list[tuple[str, Any, Shape]] = [(pointer, value, shape)]
    while rest:
        at, item, known = rest.pop()
        if isinstance(item, str):
            yield at, item, known
        elif isinstance(item, dict):
            for name, below in item.items():
                if name not in known.properties:
                    yield at, name, known
                rest.append((f"{at}/{name}", below, known.of(name)))
        elif isinstance(item, list):
            rest.extend((f"{at}/{index}", below, known.at(index)) for index, below in enumerate(item))
