"""The validation layer: reads what a schema or the threat screen asks for, and refuses what does not fit."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, Refused
from ..facts import Facts
from ..routes import Hit, Routes
from ..settings.sections import GuardSection, ValidationSection
from . import decide
from .coerce import coerce, fill
from .decide import Excuse
from .fields import Fields, as_object, native, parse_cookies, parse_fields
from .inspect import Inspector, Place
from .media import Media, media
from .parse import JsonReader, Malformed, decode
from .shapes import ANY, Shape

log = logging.getLogger("wsgi_guard.validation")
LOOKS_LIKE = "the request looks like an attack"


class Sight:
    """What a route and method mean here: the endpoint (or the refusal of an ambiguous path) and the excuses."""

    __slots__ = ("endpoint", "excuses", "hit", "refused")

    def __init__(self) -> None:
        self.endpoint: Any = None
        self.hit: Hit | None = None
        self.refused: Refused | None = None
        self.excuses: tuple[Excuse, ...] = ()


class Validation:
    """`own_paths` are the guard's and not looked at; `folder` is where a relative schema folder starts."""

    name = "validation"

    def __init__(
        self,
        section: ValidationSection,
        guard: GuardSection,
        routes: Routes,
        folder: str,
        *,
        own_paths: frozenset[str] = frozenset(),
    ) -> None:
        self._section = section
        self._own_paths = own_paths
        self._json = JsonReader(section.max_depth, section.max_members)
        self._endpoints = _compiled(section, routes, folder)
        threats = section.threats
        screens = threats.mode != "off" and threats.classes
        self._inspector = Inspector(threats.classes, section.max_members) if screens else None
        self._blocks = threats.mode == "block"
        self._excluded = _excluded(section, routes)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do for any request."""
        return not self._endpoints and self._inspector is None

    def before(self, facts: Facts) -> None:
        """Raises Refused: 400, 411, 413, 415 for what does not fit, 403 for what looks like an attack."""
        route = facts.route
        if route.given in self._own_paths:
            return
        sight = route.memo.get(("validation", facts.verb))
        if sight is None:
            sight = self._sight(facts)
            if len(route.memo) < 32:
                route.memo["validation", facts.verb] = sight
        if sight.refused is not None:
            self._deny(facts, sight.refused, "ambiguous path")
        try:
            self._check(facts, sight)
        except Malformed as error:
            self._deny(facts, Refused(400, str(error)), "malformed")

    def _sight(self, facts: Facts) -> Sight:
        sight = Sight()
        sight.excuses = decide.excuses(facts.route, self._excluded)
        try:
            found = decide.endpoint(facts.route, facts.verb, self._endpoints)
        except Refused as refused:
            sight.refused = refused
            return sight
        if found is not None:
            sight.endpoint, sight.hit = found
        return sight

    def _check(self, facts: Facts, sight: Sight) -> None:
        environ = facts.environ
        parts = sight.endpoint.parts if sight.endpoint is not None else {}
        query: Fields = []
        text = environ.get("QUERY_STRING")
        strict = "strict" if "query" in parts else "replace"
        if text:
            query = parse_fields(native(text, errors=strict), self._section.max_members, errors=strict)
        if self._inspector is not None:
            self._screen_head(facts, sight, query, parts)
        if parts:
            self._check_parts(facts, sight, query, parts)
        if self._inspector is not None and not ("body" in parts or "form" in parts):
            self._screen_body(facts, sight)

    def _check_parts(self, facts: Facts, sight: Sight, query: Fields, parts: dict[str, Any]) -> None:
        environ = facts.environ
        if "path" in parts and sight.hit is not None:
            self._judge(facts, parts["path"], dict(sight.hit.params))
        if "query" in parts:
            self._judge(facts, parts["query"], as_object(query))
        if "headers" in parts:
            names = [name for name in environ if isinstance(name, str) and name.startswith("HTTP_")]
            found = {name[5:].lower().replace("_", "-"): native(str(environ[name])) for name in names}
            self._judge(facts, parts["headers"], found)
        if "cookies" in parts:
            cookies = parse_cookies(native(environ.get("HTTP_COOKIE", "")), self._section.max_members)
            self._judge(facts, parts["cookies"], as_object(cookies))
        if "body" in parts or "form" in parts:
            self._check_body(facts, sight, parts)

    def _check_body(self, facts: Facts, sight: Sight, parts: dict[str, Any]) -> None:
        kind = self._media(facts)
        name = self._asking(facts, lambda: decide.body_part(parts, kind.kind))
        if not kind.readable:
            self._deny(facts, Refused(415, "the body of the request must be UTF-8"), "charset")
        if facts.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
            self._deny(facts, Refused(415, "an encoded body is not accepted here"), "content encoding")
        data = self._asking(facts, lambda: facts.body.read(self._section.max_body))
        part = parts[name]
        if name == "form":
            fields = parse_fields(decode(data), self._section.max_members)
            self._report(facts, self._found_in_fields("form", fields, sight, part.shape))
            self._judge(facts, part, as_object(fields), len(data))
            return
        value = self._json.read(data)
        if self._inspector is not None:
            self._report(facts, self._inspector.json(value, sight.excuses, part.shape))
        self._judge(facts, part, value, len(data))

    def _found_in_fields(self, part: str, fields: Fields, sight: Sight, shape: Shape) -> Iterator[Place]:
        if self._inspector is None:
            return iter(())
        return self._inspector.fields(part, fields, sight.excuses, shape)

    def _judge(self, facts: Facts, part: Any, value: Any, size: int = 1000) -> None:
        """Keeps the converted value of a part, or refuses the request with all that is wrong in it."""
        if part.name != "body":
            value = coerce(value, part.shape)
        fill(value, part.shape)
        violations = part.check.violations(value, size)
        if violations:
            refused = decide.misfit([{**violation, "part": part.name} for violation in violations])
            self._deny(facts, refused, f"{part.file}: {len(violations)} violation(s)")
        facts.validated[part.name] = value

    # what looks like an attack

    def _screen_head(self, facts: Facts, sight: Sight, query: Fields, parts: dict[str, Any]) -> None:
        inspector = self._inspector
        assert inspector is not None  # noqa: S101  (the caller asked; for the type checker)
        self._report(facts, inspector.path(facts.route.given, sight.excuses, ANY))
        if query:
            shape = parts["query"].shape if "query" in parts else ANY
            self._report(facts, inspector.fields("query", query, sight.excuses, shape))
        self._report(facts, inspector.headers(facts.environ, sight.excuses))

    def _screen_body(self, facts: Facts, sight: Sight) -> None:
        """Bodies that no schema describes, as far as the screen reads them."""
        inspector, body = self._inspector, facts.body
        if inspector is None or not body_announced(facts):
            return
        kind = self._media(facts)
        if kind.kind not in decide.SCREENED:
            return
        data = self._asking(facts, lambda: body.read_within(self._section.threats.scan))
        if data is None:
            self._beyond(facts)
            return
        try:
            found = self._found_in_body(data, kind, sight)
        except Malformed as error:
            # Not what it says it is: the app will say so. It is looked at as text, so that nothing hides in a typo.
            facts.decide(self.name, "unscanned", kind.kind, str(error))
            found = inspector.text(data.decode("utf-8", "replace"), sight.excuses)
        self._report(facts, found)

    def _found_in_body(self, data: bytes, kind: Media, sight: Sight) -> Iterator[Place]:
        inspector = self._inspector
        assert inspector is not None  # noqa: S101  (as above)
        if kind.kind == "json":
            return inspector.json(self._json.read(data, duplicates=True), sight.excuses, ANY)
        if kind.kind == "lines":
            lines = [line for line in data.splitlines() if line.strip()]
            return inspector.json([self._json.read(line, duplicates=True) for line in lines], sight.excuses, ANY)
        if kind.kind == "form":
            text = data.decode("utf-8", "replace")
            return inspector.fields("form", parse_fields(text, self._section.max_members, errors="replace"), sight.excuses, ANY)
        return inspector.text(data.decode("utf-8", "replace"), sight.excuses)

    def _beyond(self, facts: Facts) -> None:
        if self._section.threats.beyond == "refuse":
            limit = self._section.threats.scan
            self._deny(facts, Refused(413, f"the body of the request may have at most {limit} bytes"), "beyond scan")
        facts.decide(self.name, "unscanned", "", "the body is larger than validation.threats.scan, or of unknown end")

    def _report(self, facts: Facts, places: Iterator[Place]) -> None:
        """Puts findings on record, or refuses the request at the first."""
        for place in places:
            reason = f"{place.part}{_safe(place.pointer)} {place.finding.rule}"
            if self._blocks:
                facts.decide(self.name, "deny", place.finding.kind, reason)
                raise Refused(403, LOOKS_LIKE, members={"decision": facts.request_id})
            facts.decide(self.name, "shadow", place.finding.kind, reason)

    # small things

    def _media(self, facts: Facts) -> Media:
        kind = facts.environ.get("CONTENT_TYPE")
        return media(kind if isinstance(kind, str) else "")

    def _asking(self, facts: Facts, ask: Any) -> Any:
        """What `ask` returns; its refusal goes on record first."""
        try:
            return ask()
        except Refused as refused:
            self._deny(facts, refused, refused.detail)

    def _deny(self, facts: Facts, refused: Refused, reason: str) -> None:
        facts.decide(self.name, "deny", "", reason)
        raise refused


def body_announced(facts: Facts) -> bool:
    """Whether there is a body to look at. A length that is no number is the server's and the app's affair here."""
    try:
        return facts.body.present
    except Refused:
        return False


def _safe(pointer: str) -> str:
    """A pointer for the log: its names are the client's, so only ordinary ones are shown, and not many of them."""
    return pointer if len(pointer) <= 100 and pointer.isprintable() and pointer.isascii() else "/..."


def _compiled(section: ValidationSection, routes: Routes, folder: str) -> dict[Any, dict[str, Any]]:
    """Endpoints by template and method."""
    if section.schemas is None:
        return {}
    from .schemas.compile import compile_folder

    found: dict[Any, dict[str, Any]] = {}
    for endpoint in compile_folder(Path(os.path.join(folder, section.schemas)), routes):
        found.setdefault(endpoint.template, {})[endpoint.method] = endpoint
    return found


def _excluded(section: ValidationSection, routes: Routes) -> list[tuple[Any, Any]]:
    found, problems = [], []
    for exclude in section.threats.exclude:
        try:
            found.append((routes.add(exclude.path), exclude))
        except ValueError as error:
            problems.append(f"validation.threats.exclude: {error}")
    if problems:
        raise ConfigurationError(problems)
    return found
