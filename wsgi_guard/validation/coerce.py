"""Strings of a query, form, header, cookie or path as the types of their schema, and defaults for what is missing.

A text that does not convert stays a text, so the schema reports it. Where a schema has several forms, a text becomes
the first of these that fits: itself, a number, a boolean, a list. What is no string is never touched, so a second pass
changes nothing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from .shapes import Shape

_INTEGER = re.compile(r"-?[0-9]{1,300}")
_NUMBER = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_UNBOUND = (float("inf"), float("-inf"))
# In the order in which they are tried.
_SCALARS = tuple(map(frozenset, (["integer"], ["number"], ["boolean"])))
# An element of a list in a header (RFC 9110, 5.6.1): a comma inside quotes is one of its characters.
_ELEMENT = re.compile(r'(?:[^,"]++|"(?:[^"\\]++|\\.)*+"?)++', re.S)

Split = Callable[[str], list[str]]


def by_commas(text: str) -> list[str]:
    return text.split(",")


def elements(text: str) -> list[str]:
    """The elements of a list in a header: white space around them is none of theirs, and empty ones do not count.

    >>> elements('a, "b, c" ,,d')
    ['a', '"b, c"', 'd']
    """
    return [element for found in _ELEMENT.findall(text) if (element := found.strip(" \t"))]


def coerce(fields: dict[str, Any], shape: Shape, split: Split = by_commas) -> dict[str, Any]:
    """The fields (each a string, or a list where the name repeats) as the types that `shape` wants.

    `split` makes a list of a single text.
    """
    found = _fields(fields, shape, split)
    if shape.fits is None or _fits(found, shape):
        return found
    # What one of its forms says of a field holds together with what that says of the others.
    others = (_fields(fields, choice, split) for choice in shape.choices)
    return next((other for other in others if _fits(other, shape)), found)


def _fields(fields: dict[str, Any], shape: Shape, split: Split) -> dict[str, Any]:
    return {name: _value(value, shape.of(name), split) for name, value in fields.items()}


def _fits(fields: dict[str, Any], shape: Shape) -> bool:
    """Whether the fields fit once they are filled up, which is not done here: who rewrites a form asks what it lacks.
    """
    if shape.fills:
        fields = copy.deepcopy(fields)
        fill(fields, shape)
    return shape.fits is None or shape.fits(fields)


def _value(value: Any, shape: Shape, split: Split) -> Any:
    if not shape.coerce:
        return value
    fits = shape.fits
    if fits is None:
        return _plainly(value, shape, split)
    plain, ways = _plainly(value, shape, split), list(_ways(value, shape, split))
    if isinstance(plain, (str, int, float)) and ways == [plain] and type(ways[0]) is type(plain):
        # It is that whether it fits or not.
        return plain
    return next((way for way in ways if fits(way)), plain)


def _plainly(value: Any, shape: Shape, split: Split) -> Any:
    types = shape.types
    if types is None:
        return value
    if "array" in types:
        return _array(value, shape, split)
    return _scalar(value, types) if isinstance(value, str) else value


def _ways(value: Any, shape: Shape, split: Split) -> Iterator[Any]:
    """What a value may become, in this order: what a text can be said to be ahead of what it can be taken for.

    Nothing that cannot fit, nor twice: to look costs a hundred times what to convert does.
    """
    shapes = (shape, *shape.choices)
    if isinstance(value, str):
        if shape.types is None or "string" in shape.types:
            yield value
        for wanted in _SCALARS:
            if any(one.types is not None and wanted <= one.types for one in shapes):
                way = _scalar(value, wanted)
                if way is not value:
                    yield way
        value = split(value)
    else:
        yield value
    if isinstance(value, list):
        for one in shapes:
            if one.types is not None and "array" in one.types:
                yield _items(value, one, split)


def _array(value: Any, shape: Shape, split: Split) -> Any:
    """A list by repetition; a single text is a list by commas, unless it may stay a text."""
    if isinstance(value, str):
        if shape.types is not None and "string" in shape.types:
            return value
        value = split(value)
    return _items(value, shape, split) if isinstance(value, list) else value


def _items(values: list[Any], shape: Shape, split: Split) -> list[Any]:
    found: list[Any] = []
    known: dict[tuple[str, int], Any] = {}
    for index, item in enumerate(values):
        inside = shape.at(index)
        # To look whether a text fits costs more than all else; the same text becomes the same.
        same = (item, id(inside)) if inside.fits is not None and isinstance(item, str) else None
        if same is not None and same in known:
            found.append(copy.deepcopy(known[same]))
            continue
        found.append(_value(item, inside, split))
        if same is not None:
            known[same] = found[-1]
    return found


def _scalar(text: str, types: frozenset[str]) -> Any:
    if "string" in types:
        return text
    if "integer" in types and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in types and _NUMBER.fullmatch(text):
        return _number(text)
    if "boolean" in types:
        return _BOOLEANS.get(text, text)
    return text


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    value = float(text)
    return text if value in _UNBOUND else value


def fill(value: Any, shape: Shape) -> None:
    """Puts the defaults of `shape` where `value` (changed in place) lacks a property; a default is taken as it is."""
    if not shape.fills:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            fill(item, shape.of(name))
        for name, default in shape.defaults.items():
            if name not in value:
                value[name] = copy.deepcopy(default)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            fill(item, shape.at(index))
