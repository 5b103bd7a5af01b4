"""Looks through a request for what looks like an attack, one decoded value at a time; `bodies` reads the body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.recent import Recent
from wsgi_guard.routes import as_text
from wsgi_guard.settings.sections import ValidationSection

from .bodies import Bodies
from .decide import Excuse
from .described import Read
from .fields import native, parse_cookies, parse_fields
from .leaves import Leaf, of_fields
from .parse import Malformed
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
        self._classes = section.threats.classes
        self._max_members = section.max_members
        self._bodies = Bodies(section)
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
        texts = self._bodies.texts(facts, parts, read)
        return self._each(texts, excuses) if texts else ()

    def _each(self, texts: Iterable[tuple[str, list[Leaf]]], excuses: tuple[Excuse, ...]) -> Iterator[Place]:
        for part, leaves in texts:
            yield from self._look(part, leaves, excuses)

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
