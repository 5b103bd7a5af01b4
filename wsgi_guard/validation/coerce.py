"""Strings of a query, form, header, cookie or path as the types of their schema, and defaults for what is missing.

A text that does not convert stays a text, so the schema reports it. What is no string is never touched, so a second
pass changes nothing.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from .shapes import Shape

_INTEGER = re.compile(r"-?[0-9]{1,300}")
_NUMBER = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_UNBOUND = (float("inf"), float("-inf"))


def coerce(fields: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """The fields (each a string, or a list where the name repeats) as the types that `shape` wants."""
    return {name: _value(value, shape.of(name)) for name, value in fields.items()}


def _value(value: Any, shape: Shape) -> Any:
    types = shape.types
    if types is None or not shape.coerce:
        return value
    if "array" in types:
        return _array(value, shape)
    return _scalar(value, types) if isinstance(value, str) else value


def _array(value: Any, shape: Shape) -> Any:
    """A list by repetition; a single text is a list by commas, unless it may stay a text."""
    if isinstance(value, str):
        if shape.types is not None and "string" in shape.types:
            return value
        value = value.split(",")
    if not isinstance(value, list):
        return value
    return [_value(item, shape.at(index)) for index, item in enumerate(value)]


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
