"""Looks through a request for what looks like an attack, one decoded value at a time.

Reads a body that no schema describes only if its type and length let it (DESIGN: which bodies are read); what it does
not read is put on record as unscanned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from wsgi_guard.body import BODILESS
from wsgi_guard.errors import Refused
from wsgi_guard.facts import Facts
from wsgi_guard.recent import Recent
from wsgi_guard.routes import as_text
from wsgi_guard.settings.sections import ValidationSection

from . import decide
from .decide import Denial, Excuse
from .fields import native, parse_cookies, parse_fields
from .judge import Read
from .leaves import Leaf, of_fields, of_json
from .media import Media, media
from .parse import JsonReader, Malformed, literals
from .shapes import ANY, Shape
from .threats.screen import Finding, screen

# A query of plain fields: names and values of which `is_plain` is true, `+` and a few escapes standing for what is
# plain too, each field with one `=` at most ("1 or 1=1" has a second).
_PLAIN_TEXT = r"[\w.,@:+-]*+(?:%(?:20|2[CDE]|3A|40)[\w.,@:+-]*+)*+"
_PLAIN_QUERY = re.compile(rf"{_PLAIN_TEXT}(?:=?+{_PLAIN_TEXT})(?:&{_PLAIN_TEXT}(?:=?+{_PLAIN_TEXT}))*+", re.A)
# Headers with people's or programs' own text; never Accept, Authorization or validators, whose grammar looks wild.
HEADERS = ("HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_COOKIE", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST")
# Header values in which nothing was found; clients repeat theirs. At most 2 x 128 of 1024 characters for each header.
_REMEMBERED, _LONGEST = 128, 1024


class Place(NamedTuple):
    """A finding and where it stands."""

    part: str
    pointer: str
    finding: Finding


class Inspector:
    """Looks for the classes of attack that the settings name."""

    def __init__(self, section: ValidationSection) -> None:
        self._section = section.threats
        self._classes = section.threats.classes
        self._max_members = section.max_members
        self._json = JsonReader(section.max_depth, section.max_members)
        self._innocent: dict[str, Recent[str, bool]] = {name: Recent(_REMEMBERED) for name in HEADERS}
        self._known = tuple((name, recent.get) for name, recent in self._innocent.items())

    def path(self, given: str, excuses: tuple[Excuse, ...]) -> list[Place]:
        """Findings in a path: a traversal has no place in one segment, all else has."""
        text = as_text(given)
        climbing = tuple(kind for kind in self._classes if kind == "traversal")
        found = list(self._look("path", [Leaf((), text, ANY)], excuses, climbing))
        others = tuple(kind for kind in self._classes if kind != "traversal")
        segments = [Leaf((), segment, ANY) for segment in text.split("/")]
        return found + list(self._look("path", segments, excuses, others))

    def head(self, facts: Facts, excuses: tuple[Excuse, ...], parts: dict[str, Any]) -> Sequence[Place]:
        """Findings in query and headers, in this order."""
        environ = facts.environ
        found: list[Place] | None = None
        query = environ.get("QUERY_STRING")
        if query and (_PLAIN_QUERY.fullmatch(query) is None or "union" in query.lower()):
            found = self._query(query, excuses, parts["query"].shape if "query" in parts else ANY)
        for name, known in self._known:
            value = environ.get(name)
            if value and known(value) is None:
                found = [*(found or ()), *self._header(name, value, excuses)]
        return found or ()

    def body(self, facts: Facts, excuses: tuple[Excuse, ...], parts: dict[str, Any], read: Read) -> Iterable[Place]:
        """Findings in the body; raises Denial for one that may not pass unread."""
        if read.fields is not None:
            return self._look(read.part, of_fields(read.fields, parts[read.part].shape), excuses)
        if read.part:
            return self._look(read.part, of_json(read.value, parts[read.part].shape), excuses)
        if announced(facts) and not ("body" in parts or "form" in parts):
            return self._unread(facts, excuses)
        return ()

    def _look(
        self, part: str, leaves: Iterable[Leaf], excuses: tuple[Excuse, ...], among: tuple[str, ...] | None = None
    ) -> Iterator[Place]:
        """Findings in `leaves` of the classes `among`, by default those of the settings."""
        wanted = self._classes if among is None else among
        for leaf in leaves:
            classes = wanted
            if leaf.shape.skip or excuses:
                pointer, skip = leaf.pointer, leaf.shape.skip
                classes = tuple(
                    kind
                    for kind in wanted
                    if kind not in skip and not any(excuse.covers(part, pointer, kind) for excuse in excuses)
                )
            finding = screen(leaf.text, classes)
            if finding is not None:
                yield Place(part, leaf.pointer, finding)

    def _query(self, query: str, excuses: tuple[Excuse, ...], shape: Shape) -> list[Place]:
        # All of its fields, however many: the server bounds the line, and one too many must not hide the rest.
        fields = parse_fields(native(query, errors="replace"), None, errors="replace")
        return list(self._look("query", of_fields(fields, shape), excuses))

    def _header(self, name: str, value: str, excuses: tuple[Excuse, ...]) -> list[Place]:
        text = native(value, errors="replace")
        leaf = Leaf(((), name[5:].lower().replace("_", "-")), text, ANY)
        found = list(self._look("headers", self._values(name, leaf), excuses))
        if not found and not excuses and len(value) <= _LONGEST:
            self._innocent[name].put(value, True)
        return found

    def _values(self, name: str, leaf: Leaf) -> list[Leaf]:
        """The texts in a header that are judged each for itself: cookies, the query of a referring address."""
        try:
            if name == "HTTP_COOKIE":
                fields = parse_cookies(leaf.text, self._max_members)
            elif name == "HTTP_REFERER":
                query = leaf.text.partition("?")[2].partition("#")[0]
                fields = parse_fields(query, self._max_members, errors="replace")
            else:
                return [leaf]
        except Malformed:
            return [leaf]
        return [Leaf(leaf.trail, text, ANY) for field in fields for text in field]

    # bodies that no schema describes

    def _unread(self, facts: Facts, excuses: tuple[Excuse, ...]) -> Iterator[Place]:
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
            yield from self._body(data, kind, excuses)

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

    def _body(self, data: bytes, kind: Media, excuses: tuple[Excuse, ...]) -> Iterator[Place]:
        if kind.kind == "form":
            fields = parse_fields(data.decode("utf-8", "replace"), None, errors="replace")
            return self._look("form", of_fields(fields, ANY), excuses)
        try:
            return self._look("body", self._leaves(data, kind), excuses)
        except Malformed:
            # Not what it says it is, or beyond a limit; as one text, and string by string, nothing hides in that.
            whole = _whole(data)
            pieces = [Leaf((), text, ANY) for text in literals(whole.text)]
            return self._look("body", [whole, *pieces], excuses)

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
