"""Functions that the settings name as `module:function`."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any


def is_target(text: str) -> bool:
    """Whether `text` has the form module:function; dots are allowed on both sides."""
    module, colon, function = text.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *function.split(".")))


def resolve_target(text: str) -> Callable[..., Any]:
    """The function that `module:function` names, its module imported; ValueError says what is wrong with it."""
    if not is_target(text):
        raise ValueError(f"expected module:function, not {text!r}")
    module, _, function = text.partition(":")
    try:
        found = import_module(module)
    except Exception as error:
        # Whatever the module's own code raises means the same here: there is no such function to call.
        raise ValueError(f"cannot import {module!r}: {type(error).__name__}: {error}") from error
    try:
        made = reduce(getattr, function.split("."), found)
    except AttributeError:
        raise ValueError(f"module {module!r} has no {function!r}") from None
    return _callable(made, text)


def _callable(made: object, text: str) -> Callable[..., Any]:
    if not callable(made):
        raise ValueError(f"{text!r} is not a function but {type(made).__name__}")
    if iscoroutinefunction(made):
        # Called like a function it gives an object that is true whatever it would have decided.
        raise ValueError(f"{text!r} is an async function, an ordinary one is needed")
    return made
