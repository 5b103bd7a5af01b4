"""The texts of a body that the screen looks at, by the part of the request they belong to.

What a schema has read is not read again. A body that no schema describes is read only if its type and length let it
(DESIGN: which bodies are read); what is not read is put on record as unscanned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wsgi_guard.body import BODILESS
from wsgi_guard.errors import Refused
from wsgi_guard.facts import Facts
from wsgi_guard.settings.sections import ValidationSection

from . import decide
from .decide import Denial
from .described import PARTS, Read
from .fields import parse_fields
from .leaves import Leaf, of_fields, of_json
from .media import Media, media
from .parse import JsonReader, Malformed, literals
from .shapes import ANY

# A part of the request and what in it needs a look.
Texts = tuple[str, list[Leaf]]


class Bodies:
    """Finds what to look at in the body of a request."""

    def __init__(self, section: ValidationSection) -> None:
        self._section = section.threats
        self._json = JsonReader(section.max_depth, section.max_members)

    def texts(self, facts: Facts, parts: dict[str, Any], read: Read) -> Iterable[Texts]:
        """What is to be looked at; raises Denial for a body that may not pass unread."""
        if read.fields is not None:
            return (("form", of_fields(read.fields, parts["form"].shape)),)
        if read.values:
            return (("body", of_json(read.values["body"], parts["body"].shape)),)
        if announced(facts) and PARTS.isdisjoint(parts):
            return self._undescribed(facts)
        return ()

    def _undescribed(self, facts: Facts) -> Iterator[Texts]:
        environ = facts.environ
        kind = media(environ.get("CONTENT_TYPE") or "")
        if kind.kind not in decide.SCREENED:
            if not (facts.body.chunked or facts.body.length):
                # On servers whose streams end by themselves a POST without a body is one with an empty body.
                return
            facts.decide("validation", "unscanned", "body", f"bodies of this type ({kind.kind}) are not inspected")
            return
        data = self._data(facts, kind)
        if data is not None:
            yield self._body(data, kind)

    def _data(self, facts: Facts, kind: Media) -> bytes | None:
        """The body, None when it passes unread. Raises Denial where the settings refuse what cannot be inspected."""
        limit = self._section.scan
        try:
            self._told(facts, kind)
            data = facts.body.read_within(limit)
            if data is None:
                raise Denial(413, f"the body of the request may have at most {limit} bytes", "body")
        except Denial:
            if self._section.beyond == "refuse":
                raise
            reason = "the body is larger than validation.threats.scan, or its end is not known"
            facts.decide("validation", "unscanned", "body", reason)
            return None
        return data

    def _told(self, facts: Facts, kind: Media) -> None:
        """Raises Denial for a body that says it cannot be read as it is, unless such bodies pass.

        Then it is looked at all the same: an app may not care what the header says.
        """
        try:
            decide.readable(kind, facts.environ.get("HTTP_CONTENT_ENCODING") or "")
        except Denial as denial:
            if self._section.beyond == "refuse":
                raise
            facts.decide("validation", "unscanned", "body", denial.detail)

    def _body(self, data: bytes, kind: Media) -> Texts:
        if kind.kind == "form":
            fields = parse_fields(data.decode("utf-8", "replace"), None, errors="replace")
            return "form", of_fields(fields, ANY)
        try:
            return "body", self._leaves(data, kind)
        except Malformed:
            # Not what it says it is, or beyond a limit; as one text, and string by string, nothing hides in that.
            whole = _whole(data)
            return "body", [whole, *(Leaf((), text, ANY) for text in literals(whole.text))]

    def _leaves(self, data: bytes, kind: Media) -> list[Leaf]:
        if kind.kind == "lines":
            lines = [line for line in data.splitlines() if line.strip()]
            return of_json([self._json.read(line, duplicates=True) for line in lines], ANY)
        if kind.kind == "json" or data.lstrip()[:1] in (b"{", b"["):
            return of_json(self._json.read(data, duplicates=True), ANY)
        return [_whole(data)]


def announced(facts: Facts) -> bool:
    """Whether there is a body to look at; most requests have none and cost two look-ups."""
    environ = facts.environ
    if facts.verb in BODILESS and "HTTP_TRANSFER_ENCODING" not in environ:
        length = environ.get("CONTENT_LENGTH")
        if not length or length == "0":
            return False
    try:
        return facts.body.present
    except Refused:  # a length that is none is refused by whoever wants to read, and passes where nobody does
        return True


def _whole(data: bytes) -> Leaf:
    return Leaf((), data.decode("utf-8", "replace"), ANY)
