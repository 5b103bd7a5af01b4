"""Which bodies the screen looks at: what a schema has read is not read again, and one that no schema describes is read
only if its type and length let it (DESIGN: which bodies are read). What is not read is put on record as unscanned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wsgi_guard.body import BODILESS
from wsgi_guard.errors import Refused
from wsgi_guard.facts import Facts
from wsgi_guard.settings.sections import ValidationSection

from . import decide
from .charsets import readings
from .decide import Denial
from .described import PARTS, Read
from .encodings import codings, inflated
from .leaves import Leaf, of_document, of_fields, of_json
from .media import Media, boundary, media
from .multipart import Multipart
from .parse import JsonReader, Malformed
from .shapes import ANY
from .uploads import Bounds, Gathered, Upload
from .views import Texts, Views, is_binary, legible, split


class Bodies:
    """Finds what to look at in the body of a request."""

    def __init__(self, section: ValidationSection) -> None:
        self._section = section.threats
        self._most = section.max_members
        self._last_counts = section.duplicate_keys == "last"
        self._json = JsonReader(section.max_depth, section.max_members)
        self._views = Views(self._json, section.max_members)

    def texts(self, facts: Facts, parts: dict[str, Any], read: Read) -> Iterable[Texts]:
        """What is to be looked at; raises Denial for a body that may not pass unread."""
        if read.values:
            return self._described(read, parts)
        if announced(facts) and PARTS.isdisjoint(parts):
            return self._undescribed(facts)
        return ()

    def _described(self, read: Read, parts: dict[str, Any]) -> list[Texts]:
        found: list[Texts] = []
        if "body" in read.values:
            found.append(("body", self._of_document(read, parts["body"])))
        if read.fields:
            found.append(("form", of_fields(read.fields, parts["form"].shape if "form" in parts else ANY)))
        if read.files:
            found.append(("files", _told(read.files, parts["files"].shape if "files" in parts else ANY)))
        # Most requests hold nothing that needs a look.
        return [part for part in found if part[1]]

    def _of_document(self, read: Read, part: Any) -> list[Leaf]:
        value = read.values["body"]
        if part.rewrites:
            # Not what was sent, but what the app will read.
            return of_json(value, part.shape)
        if self._last_counts:
            # The app may take the first of two members, which the value does not have.
            value = self._json.read(read.source, duplicates=True)
        return of_document(read.source.decode(), value, part.shape)

    def _undescribed(self, facts: Facts) -> Iterator[Texts]:
        content_type = facts.environ.get("CONTENT_TYPE") or ""
        kind = media(content_type)
        if kind.kind not in decide.SCREENED:
            # On servers whose streams end by themselves a POST without a body is one with an empty body.
            if facts.body.chunked or facts.body.length:
                self.unscanned(facts, Denial(415, f"bodies of this type ({kind.kind}) are not inspected", "type"))
            return
        for data, seen in self._datas(facts, kind):
            if seen.kind in ("multipart", "mixed"):
                yield from self._multipart(facts, data, content_type, seen)
                continue
            yield from self._views.texts(data, seen, facts.environ.get("QUERY_STRING") or "")

    def _multipart(self, facts: Facts, data: bytes, content_type: str, kind: Media) -> Iterator[Texts]:
        found = Gathered(Bounds(), errors="replace")
        try:
            if kind.kind == "mixed":
                raise Malformed("the body is multipart, but no form-data")
            if data.count(b"\r\n\r\n") > self._most:
                self.unscanned(facts, Denial(400, f"there are more than {self._most} parts", "parse"))
                yield "form", [Leaf((), text, ANY) for text in readings(data, kind.charset)]
                return
            parts = Multipart(boundary(content_type), found, self._most)
            parts.whole(data)
        except Malformed as error:
            self.unscanned(facts, Denial(400, str(error), "parse"))
            yield from self._views.scraps(data, content_type, kind)
            return
        yield from self._views.gathered(found)
        yield from split(facts.environ.get("QUERY_STRING") or "", found.fields)
        if not kind.readable:
            yield from self._views.scraps(data, content_type, kind)

    def _datas(self, facts: Facts, kind: Media) -> list[tuple[bytes, Media]]:
        """The body as apps may see it: decoded, and as it came. Raises Denial where the settings refuse it."""
        limit = self._section.scan
        names = codings(facts.environ.get("HTTP_CONTENT_ENCODING") or "")
        if not kind.readable:
            # It is looked at all the same: an app may not care what the header says.
            self.unscanned(facts, Denial(415, decide.CHARSET, "charset"))
        data = facts.body.read_within(limit)
        if data is None:
            reason = "the body is larger than validation.threats.scan, or its end is not known"
            self.unscanned(facts, Denial(413, f"the body may have at most {limit} bytes", "body", reason))
        if not data:
            return []
        if kind.kind == "none" and is_binary(data) and not names:
            self.unscanned(facts, Denial(415, "bodies without a type are inspected if they are text", "type"))
            return []
        if not names:
            return [(data, kind)]
        found = [legible(data, kind)]
        try:
            found.append((inflated(data, names, limit), kind))
        except (Denial, Malformed) as error:
            self.unscanned(facts, error if isinstance(error, Denial) else Denial(400, str(error), "parse"))
        return found

    def unscanned(self, facts: Facts, denial: Denial) -> None:
        """Raises `denial` where the settings refuse what cannot be inspected; else what it says goes on record."""
        if self._section.beyond == "refuse":
            raise denial
        facts.decide("validation", "unscanned", "body", denial.reason, part="body")


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


def _told(files: list[Upload], shape: Any) -> list[Leaf]:
    """What the client says of its files; where the schema knows the names of the fields, these are not looked at."""
    found = []
    for file in files:
        known = shape.of(file.name)
        known = known.items or known
        for claim in ("filename", "content_type"):
            part = known.of(claim)
            if not part.silent:
                found.append(Leaf((((), file.name), claim), getattr(file, claim), part))
        if file.name not in shape.properties:
            found.append(Leaf((), file.name, shape))
    return found
