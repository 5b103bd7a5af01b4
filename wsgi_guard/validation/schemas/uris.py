"""The URIs of schema files, and of references to them, in one spelling. Pure.

People write what they see, `../{id}/Größe.json`; a URI has "%7B" there (RFC 3986, 2.1), and jsonschema-rs
takes no other.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

# What may stand in a path as it is, of the reserved characters.
_IN_PATH = "/:@!$&'()*+,;="
# What may not stand in a query or fragment.
_ELSEWHERE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]")
_IPV6 = re.compile(r"[A-Za-z0-9+.-]*:?//\[[0-9A-Fa-f:.]+\]")
_PARTS = re.compile(r"([^?#]*)(.*)", re.S)


def of_file(name: str) -> str:
    """The URI of the file `name` (relative to the folder, as the disk has it)."""
    return "/" + quote(name, _IN_PATH, errors="replace")


def canonical(reference: str) -> str:
    """`reference` with every character escaped that must be, and in its path none that need not be.

    >>> canonical("../{id}/a%20b%2Dc.json#/$defs/x y")
    '../%7Bid%7D/a%20b-c.json#/$defs/x%20y'
    """
    path, rest = _PARTS.fullmatch(reference).groups()  # type: ignore[union-attr]
    safe = _IN_PATH + "[]" if _IPV6.match(path) else _IN_PATH
    # A slash, and what ends the path, mean something else when they are escaped.
    pieces = re.split(r"(%2[Ff3]|%3[Ff])", path)
    pieces[::2] = [quote(unquote(piece), safe, errors="replace") for piece in pieces[::2]]
    return "".join(pieces) + _ELSEWHERE.sub(lambda found: quote(found[0], errors="replace"), rest)
