"""The texts in a path that are judged each: its segments, and what of it may be one value with slashes. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from .threats.screen import is_plain

_FENCE = "```"
# An address within a path; one letter would be a drive.
_ADDRESS = re.compile(r"(?<=/)[a-z][a-z0-9+.-]{1,19}:.*", re.I | re.S)
# Where a path of a command stands behind a sign, or what only a shell undoes or fills in.
# Stars around words, and what follows a closing backtick, are those of markdown.
_SHELLISH = re.compile(
    r"[;|&$(\n`\\?* ](?:(?<=[;|&$(\n]) */|(?<=`) */(?=[^`]*`)|(?<=[\\\n])|(?<=\?)(?=[\w?])"
    r"|(?<=\w[?*])(?=[\w/]|$)|(?<=/[?*])(?=/|$)|(?<=\$)\{|(?<= )/)"
)
# To which classes slashes matter in which tail; a traversal and markup are looked for in the path as a whole.
_ADDRESSES = frozenset({"traversal"})
_EVERY = frozenset({"sqli", "cmdi", "ldap", "header"})


class Pieces(NamedTuple):
    """`segments` once each; `tails` with the classes that are looked for in each."""

    segments: list[str]
    tails: list[tuple[str, frozenset[str]]]


def pieces(path: str) -> Pieces:
    """What of a decoded path is judged for itself."""
    tails: list[tuple[str, frozenset[str]]] = []
    if path.count(_FENCE) > 1:
        # Code in a fence holds slashes, and cut at these it stands in no fence any more.
        tails.append((path, _EVERY))
        path = _unfenced(path)
    segments = path.split("/")
    differ = list(dict.fromkeys(segments))
    first = next((segment for segment in differ if not is_plain(segment)), None)
    if first is not None and (at := segments.index(first)) + 1 < len(segments):
        # A slash that begins a comment belongs to the value, and so does the number or name in front.
        tail = "/".join(segments[max(at - 1, 0) if first[0] == "*" else at :])
        tails.append((tail, _kinds(tail)))
    address = _ADDRESS.search(path) if ":" in path else None
    if address is not None:
        tails.append((address[0], _ADDRESSES))
    return Pieces(differ, tails)


def _kinds(tail: str) -> frozenset[str]:
    shell, comment = _SHELLISH.search(tail) is not None, "/*" in tail
    return frozenset(kind for kind, wanted in (("sqli", comment), ("cmdi", shell), ("header", True)) if wanted)


def _unfenced(path: str) -> str:
    """`path` without what stands between two fences."""
    parts = path.split(_FENCE)
    return _FENCE.join(part for at, part in enumerate(parts) if at % 2 == 0 or at == len(parts) - 1)
