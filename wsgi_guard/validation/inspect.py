"""Looks through the parts of a request for what looks like an attack, one decoded value at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..routes import as_text
from .decide import Excuse, leaves
from .fields import Fields, native, parse_fields
from .parse import Malformed
from .shapes import ANY, Shape
from .threats.screen import Finding, is_plain, screen

# Headers whose values are people's or programs' own text. Never Accept, Authorization, cookies of validators.
HEADERS = ("HTTP_USER_AGENT", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_FOR")


class Place(NamedTuple):
    """A finding and where it stands."""

    part: str
    pointer: str
    finding: Finding


class Inspector:
    """Looks for the classes of attack that the settings name."""

    def __init__(self, classes: tuple[str, ...], members: int) -> None:
        self._classes = classes
        self._members = members

    def look(
        self, part: str, values: Iterable[tuple[str, str, Shape]], excuses: tuple[Excuse, ...]
    ) -> Iterator[Place]:
        """The findings in `values`, each (pointer, text, shape)."""
        for pointer, text, shape in values:
            if is_plain(text):
                continue
            classes = self._classes
            if shape.skip or excuses:
                classes = tuple(
                    kind
                    for kind in classes
                    if kind not in shape.skip and not any(e.covers(part, pointer, kind) for e in excuses)
                )
            finding = screen(text, classes) if classes else None
            if finding is not None:
                yield Place(part, pointer, finding)

    def path(self, given: str, excuses: tuple[Excuse, ...], shape: Shape) -> Iterator[Place]:
        """The whole path, since a traversal has no place in one of its segments."""
        return self.look("path", [("", as_text(given), shape)], excuses)

    def fields(self, part: str, fields: Fields, excuses: tuple[Excuse, ...], shape: Shape) -> Iterator[Place]:
        return self.look(part, _of_fields(fields, shape), excuses)

    def json(self, value: Any, excuses: tuple[Excuse, ...], shape: Shape) -> Iterator[Place]:
        return self.look("body", leaves(value, shape), excuses)

    def text(self, text: str, excuses: tuple[Excuse, ...]) -> Iterator[Place]:
        return self.look("body", [("", text, ANY)], excuses)

    def headers(self, environ: Mapping[str, Any], excuses: tuple[Excuse, ...]) -> Iterator[Place]:
        return self.look("headers", self._of_headers(environ), excuses)

    def _of_headers(self, environ: Mapping[str, Any]) -> Iterator[tuple[str, str, Shape]]:
        for name in HEADERS:
            value = environ.get(name)
            # A browser's name for itself has brackets and slashes and nothing that needs a look.
            if isinstance(value, str) and not is_browser(value):
                yield f"/{name[5:].lower().replace('_', '-')}", native(value, errors="replace"), ANY
        referer = environ.get("HTTP_REFERER")
        if isinstance(referer, str) and "?" in referer:
            try:
                found = parse_fields(referer.partition("?")[2].partition("#")[0], self._members, errors="replace")
            except Malformed:
                return
            yield from (("/referer", value, ANY) for _, value in found)


def is_browser(value: str) -> bool:
    return value.startswith("Mozilla/5.0 (") and not any(char in value for char in "<>'\"`|&\\{$%")


def _of_fields(fields: Fields, shape: Shape) -> Iterator[tuple[str, str, Shape]]:
    for name, value in fields:
        yield f"/{name}", value, shape.of(name)
        if name not in shape.properties:
            yield f"/{name}", name, ANY
