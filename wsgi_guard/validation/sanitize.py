"""Values with their texts cleaned where the schema asks for it, and what changed by that. Pure.

A value is never changed in place: what looks for attacks sees what was sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from .cleaning import Scrub
from .fields import Fields
from .shapes import Shape


class Change:
    """How a JSON value differs from what was sent: another `text`, changes `below` by name or index, `added` members.
    """

    __slots__ = ("added", "below", "text")

    def __init__(
        self, text: str | None = None, below: dict[Any, Change] | None = None, added: dict[str, Any] | None = None
    ) -> None:
        self.text = text
        self.below = below or {}
        self.added = added or {}


SAME = Change()


def sanitized(value: Any, shape: Shape, scrub: Scrub) -> tuple[Any, Change | None]:
    """The clean value, and how it differs; the value itself and None where nothing does. Raises TooComplex."""
    if isinstance(value, str):
        text = value if shape.clean is None else scrub(value, shape.clean)
        return (value, None) if text == value else (text, Change(text))
    if not shape.cleans or not isinstance(value, (dict, list)):
        return value, None
    below: dict[Any, Change] = {}
    copy: Any = value.copy()
    for step, item, part in _parts(value, shape):
        copy[step], change = sanitized(item, part, scrub)
        if change is not None:
            below[step] = change
    return (copy, Change(below=below)) if below else (value, None)


def lacking(value: Any, shape: Shape) -> Change | None:
    """The defaults that `value` lacks, as what would be added; None where it lacks none."""
    if not shape.fills or not isinstance(value, (dict, list)):
        return None
    found = ((step, lacking(item, part)) for step, item, part in _parts(value, shape))
    below = {step: change for step, change in found if change is not None}
    added = {}
    if isinstance(value, dict):
        added = {name: default for name, default in shape.defaults.items() if name not in value}
    return Change(below=below, added=added) if below or added else None


def joined(one: Change | None, other: Change | None) -> Change | None:
    """Both changes of one value in one; texts are changed by the first alone."""
    if one is None or other is None:
        return one or other
    below = {step: joined(one.below.get(step), other.below.get(step)) for step in one.below | other.below}
    kept = {step: change for step, change in below.items() if change is not None}
    return Change(one.text, kept, one.added | other.added)


def changed_fields(fields: Fields, change: Change) -> Fields:
    """Fields of a form as `change` of the object that they make says: a list by repetition or by commas."""
    counts = Counter(name for name, _ in fields)
    seen: Counter[str] = Counter()
    found = []
    for name, value in fields:
        here = change.below.get(name)
        if here is not None and counts[name] > 1:
            here = here.below.get(seen[name])
            seen[name] += 1
        found.append((name, value if here is None else _text(value, here)))
    return found


def _text(value: str, change: Change) -> str:
    if change.text is not None or not change.below:
        return value if change.text is None else change.text
    items = value.split(",")
    return ",".join(_text(item, change.below.get(index, SAME)) for index, item in enumerate(items))


def _parts(value: Any, shape: Shape) -> Iterator[tuple[Any, Any, Shape]]:
    if isinstance(value, dict):
        return ((name, item, shape.of(name)) for name, item in value.items())
    return ((index, item, shape.at(index)) for index, item in enumerate(value))
