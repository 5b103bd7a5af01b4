"""What the place of a schema file says: path template, method and part. Reads no file."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PARTS = ("body", "query", "form", "files", "headers", "cookies", "path")
_STARTS_WITH_METHOD = re.compile(rf"(?:HEAD|{'|'.join(METHODS)})\b", re.I)
_PARAMETER = re.compile(r"\{([^{}/+]*)(\+?)\}")


class Address(NamedTuple):
    """Where the schema of a file applies."""

    template: str
    method: str
    part: str

    @property
    def shape(self) -> tuple[str, str]:
        """Equal for two addresses that match the same requests, whatever their parameters are called."""
        return _PARAMETER.sub(r"{\2}", self.template), self.method


def is_shared(name: str) -> bool:
    """Whether a file, named relative to the folder, is only there to be referenced."""
    return any(segment.startswith("_") for segment in name.split("/"))


def parameters(template: str) -> set[str]:
    """The names that stand in braces."""
    return {found[1] for found in _PARAMETER.finditer(template)}


def looks_routed(name: str) -> bool:
    """Whether a file name was probably meant as a schema: `.json`, or a method in front."""
    last = name.rpartition("/")[2]
    return last.endswith(".json") or _STARTS_WITH_METHOD.match(last) is not None


def address(name: str) -> Address:
    """The address of `api/orders/POST.form.json`; ValueError with the reason when the name is none."""
    folder, _, last = name.rpartition("/")
    method, *rest = last.split(".")
    if rest[-1:] != ["json"] or len(rest) > 2:
        raise ValueError(f"a schema file is called METHOD.json or METHOD.part.json, not {last!r}")
    part = rest[0] if len(rest) == 2 else "body"
    _check_method(method)
    _check_part(part)
    return Address("/" + folder, method, part)


def _check_method(method: str) -> None:
    if method.upper() == "HEAD":
        raise ValueError("HEAD is judged as GET, so a schema is written for GET")
    if method not in METHODS:
        raise ValueError(f"{method!r} is not a method, {_expected(method.upper(), METHODS)}")


def _check_part(part: str) -> None:
    if part not in PARTS:
        raise ValueError(f"{part!r} is not a part of a request, {_expected(part.lower(), PARTS)}")


def _expected(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else "expected one of " + ", ".join(known)
