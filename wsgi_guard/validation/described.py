"""Reads the bodies that a schema describes: what each part of the request holds, and what the screen is to look at."""

from __future__ import annotations

from typing import Any

from wsgi_guard.facts import Facts
from wsgi_guard.settings.sections import ValidationSection

from . import decide
from .fields import Fields, as_object, parse_fields
from .media import media
from .parse import JsonReader, decode

# The parts of a request that stand in its body.
PARTS = frozenset({"body", "form"})


class Read:
    """What was read of a request on the way, so that the screen reads nothing twice.

    `values` are the parts to be judged; `size` bounds how many members they have together. `fields` are those of a
    form, each as it was sent. `source` is the UTF-8 that was parsed, and `change` what the schema made different of it.
    """

    __slots__ = ("absent", "change", "fields", "size", "source", "values")

    def __init__(
        self, values: dict[str, Any], size: int, source: bytes = b"", fields: Fields | None = None, *,
        absent: bool = False,
    ) -> None:  # fmt: skip
        self.values = values
        self.size = size
        self.source = source
        self.fields = fields
        self.absent = absent
        self.change: Any = None


NOTHING = Read({}, 0)


class Described:
    """Reads bodies of endpoints whose schemas describe them."""

    def __init__(self, section: ValidationSection) -> None:
        self._max_body = section.max_body
        self._max_members = section.max_members
        self._json = JsonReader(section.max_depth, section.max_members)

    def read(self, facts: Facts, parts: dict[str, Any]) -> Read:
        """Raises Refused for a body that may not be read, Malformed for one that is not what it says."""
        environ, body = facts.environ, facts.body
        kind = media(environ.get("CONTENT_TYPE") or "")
        name = decide.described(parts, kind.kind, body.present)
        decide.readable(kind, environ.get("HTTP_CONTENT_ENCODING") or "")
        data = body.read(self._max_body)
        # Two bytes are the least that a value of a JSON document or a field of a form takes.
        size = min(len(data) // 2, self._max_members)
        if name == "form":
            fields = parse_fields(decode(data), self._max_members)
            return Read({name: as_object(fields)}, size, data, fields)
        if not data:
            # Absent is null: a schema whose type allows null makes the body optional.
            return Read({name: None}, size, absent=True)
        return Read({name: self._json.read(data)}, size, data)
