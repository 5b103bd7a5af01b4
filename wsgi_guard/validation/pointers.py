"""JSON pointers (RFC 6901) to places of what a client sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Characters of a pointer: names are the client's and may be as long as a body. A longer pointer ends at a part of it.
LONGEST = 500


def escape(name: str) -> str:
    """`name` as a step of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def pointer(path: Iterable[Any]) -> str:
    """The pointer to the place, or to the nearest one above it that has a pointer of at most LONGEST characters."""
    found = ""
    for step in path:
        name = str(step)
        longer = f"{found}/{escape(name)}" if len(name) <= LONGEST else name
        if len(longer) > LONGEST:
            break
        found = longer
    return found
