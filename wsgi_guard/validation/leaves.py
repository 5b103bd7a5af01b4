"""The texts of a request's parts that need a look, each with its place and what its schema says of it. Pure.

Pointers are built only for what is found: nearly every text is plain, and plain text costs one expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .shapes import ANY, Shape
from .threats.screen import is_plain

# (trail above, step), () at the root
Trail = tuple[Any, ...]


class Leaf(NamedTuple):
    """A text and where it stands."""

    trail: Trail
    text: str
    shape: Shape

    @property
    def pointer(self) -> str:
        steps: list[str] = []
        trail = self.trail
        while trail:
            trail, step = trail
            steps.append("/" + str(step).replace("~", "~0").replace("/", "~1"))
        return "".join(reversed(steps))


def of_json(value: Any, shape: Shape) -> list[Leaf]:
    """Texts of a JSON value that are not plain, names of members that no schema knows included; no recursion."""
    found: list[Leaf] = []
    rest: list[tuple[Trail, Any, Shape]] = [((), value, shape)]
    while rest:
        trail, item, known = rest.pop()
        if isinstance(item, dict):
            properties = known.properties
            for name, below in item.items():
                part = properties.get(name)
                if part is None:
                    part = known.of(name)
                    if not is_plain(name):
                        found.append(Leaf(trail, name, known))
                if type(below) is str:
                    if not part.silent and not is_plain(below):
                        found.append(Leaf((trail, name), below, part))
                elif type(below) is dict or type(below) is list:
                    rest.append(((trail, name), below, part))
        elif isinstance(item, list):
            rest.extend(((trail, index), below, known.at(index)) for index, below in enumerate(item))
        elif isinstance(item, str) and not known.silent and not is_plain(item):
            found.append(Leaf(trail, item, known))
    return found


def of_fields(fields: Iterable[tuple[str, str]], shape: Shape) -> list[Leaf]:
    """Values of fields that are not plain, and names that no schema knows."""
    found: list[Leaf] = []
    for name, value in fields:
        part = shape.of(name)
        if part.types is not None and "array" in part.types:
            part = part.items or ANY
        if not part.silent and not is_plain(value):
            found.append(Leaf(((), name), value, part))
        if name not in shape.properties and not is_plain(name):
            # at the root: a name that is looked at for itself is the client's text and no place
            found.append(Leaf((), name, shape))
    return found
