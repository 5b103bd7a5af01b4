"""The texts of a header that are judged each for itself, each with what a schema says of it. Pure."""

from __future__ import annotations

import re
from typing import Any

from .decide import COOKIES
from .fields import native, parse_fields
from .leaves import Leaf
from .shapes import ANY, Shape
from .views import Texts

_ADDRESS = re.compile(r"https?://[^/?#]*+([^?#]*+)\??([^#]*+)", re.I)


def header_texts(name: str, value: str, parts: dict[str, Any]) -> list[Texts]:
    """What is to be looked at in the header `name` (as the environ calls it) of a request that `parts` describe."""
    called = name[5:].lower().replace("_", "-")
    leaf = Leaf(((), called), native(value, errors="replace"), _of_header(called, parts))
    if leaf.shape.silent:
        return []
    if name == "HTTP_COOKIE":
        return _cookies(leaf, parts)
    address = _ADDRESS.match(leaf.text) if name == "HTTP_REFERER" else None
    if address is None:
        return [("headers", [leaf])]
    fields = parse_fields("&".join(dict.fromkeys(address[2].split("&"))), None, errors="replace")
    texts = dict.fromkeys((address[1], *(text for field in fields for text in field)))
    return [("headers", [leaf._replace(text=text) for text in texts])]


def _of_header(called: str, parts: dict[str, Any]) -> Shape:
    if "headers" not in parts:
        return ANY
    shape: Shape = parts["headers"].shape
    return next((one for name, one in shape.properties.items() if name.lower() == called), shape.of(called)).texts()


def _cookies(leaf: Leaf, parts: dict[str, Any]) -> list[Texts]:
    """Names and values, and the whole if there is a piece that is no cookie: an app may read that otherwise."""
    described: Shape = parts[COOKIES].shape if COOKIES in parts else leaf.shape
    items = [item.strip() for item in dict.fromkeys(leaf.text.split(";"))]
    found: list[Texts] = [] if all("=" in item for item in items if item) else [("headers", [leaf])]
    leaves = []
    for item in items:
        name, _, value = item.partition("=")
        name = name.rstrip()
        if name not in described.properties:
            leaves.append(Leaf((), name, leaf.shape))
        # What has no name no schema has judged.
        shape = described.of(name).texts() if name and described is not leaf.shape else leaf.shape
        if not shape.silent:
            leaves.append(Leaf(((), name), value, shape))
    return [*found, (COOKIES, leaves)]
