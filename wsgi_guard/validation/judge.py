"""Holds the parts of a request against their schemas, and keeps what they become."""

from __future__ import annotations

from typing import Any

from wsgi_guard.facts import Facts
from wsgi_guard.settings.sections import ValidationSection

from . import decide
from .cleaning import Html, Scrub, TooComplex
from .coerce import by_commas, coerce, elements, fill
from .decide import Denial
from .described import NOTHING, PARTS, Described, Read
from .fields import as_object, native, parse_cookies, parse_fields
from .parse import Malformed
from .rewrite import rewritten_form, rewritten_json
from .sanitize import Change, changed_fields, joined, lacking, sanitized
from .shapes import Shape

ABSENT = {"pointer": "", "message": "a body is required", "keyword": "required"}
UNCLEAN = {"pointer": "", "message": "is too long or too complex to be sanitized", "keyword": "x-sanitize"}


class Judge:
    """Judges requests that have an endpoint; `html` cleans where a schema asks for it."""

    def __init__(self, section: ValidationSection, html: Html | None = None) -> None:
        self._max_members = section.max_members
        self._html = html
        self._described = Described(section)

    def judge(self, facts: Facts, parts: dict[str, Any], params: dict[str, str]) -> Read:
        """What was read of the body; what all parts became is in `facts.validated`. Raises Refused.

        All parts are judged before anything is refused, so that the client hears of every mistake at once.
        """
        at = ""
        try:
            wrong: list[dict[str, str]] = []
            for name in ("path", "query", "headers", "cookies"):
                if name in parts:
                    at = name
                    wrong += self._part(facts, parts[name], self._fields(facts, parts[name], params), self._max_members)
            read, at = NOTHING, "body"
            if not PARTS.isdisjoint(parts):
                read = self._body(facts, parts, wrong)
        except Malformed as error:
            raise Denial(400, str(error), "parse", part=at) from None
        if wrong:
            raise decide.misfit(parts[wrong[0]["part"]].file, wrong)
        return read

    def _fields(self, facts: Facts, part: Any, params: dict[str, str]) -> dict[str, Any]:
        environ = facts.environ
        if part.name == "path":
            return dict(params)
        if part.name == "query":
            return as_object(parse_fields(native(environ.get("QUERY_STRING") or ""), self._max_members))
        if part.name == "cookies":
            return as_object(parse_cookies(native(environ.get("HTTP_COOKIE") or ""), self._max_members))
        return header_fields(environ, part.shape)

    def _body(self, facts: Facts, parts: dict[str, Any], wrong: list[dict[str, str]]) -> Read:
        read = self._described.read(facts, parts)
        for name, value in read.values.items():
            part = parts[name]
            found = self._part(facts, part, value, read.size, read)
            # null fits whatever does not say of which type it is, and is nothing that an app could use.
            missing = value is None and name == "body" and not part.optional
            wrong += [{**ABSENT, "part": name}] if (read.absent and found) or (missing and not found) else found
            if part.rewrites and not wrong and read.change is not None and read.files is None:
                self._rewrite(facts, part, read)
        wrong += read.wrong
        return NOTHING if read.absent else read

    def _part(
        self, facts: Facts, part: Any, value: Any, size: int, read: Read | None = None
    ) -> list[dict[str, str]]:  # fmt: skip
        """What is wrong with a part; its value, converted, cleaned and filled up, is kept."""
        shape = part.shape
        if part.name != "body":
            value = coerce(value, shape, elements if part.name == "headers" else by_commas)
        cleaned: Change | None = None
        if shape.cleans and self._html is not None:
            try:
                value, cleaned = sanitized(value, shape, Scrub(self._html))
            except TooComplex:
                return [{**UNCLEAN, "part": part.name}]
        if part.rewrites and read is not None:
            read.change = joined(cleaned, lacking(value, shape))
        if shape.fills:
            fill(value, shape)
        violations: list[dict[str, str]] = part.check.violations(value, size)
        facts.validated[part.name] = value
        return [{**violation, "part": part.name} for violation in violations] if violations else violations

    def _rewrite(self, facts: Facts, part: Any, read: Read) -> None:
        """Puts what the schema changed into the body that the app reads; the screen looks at that too."""
        text = read.source.decode()
        if part.name == "body":
            text = rewritten_json(text, read.change)
            read.values[part.name] = facts.validated[part.name]
        elif read.fields is not None:
            clean = changed_fields(read.fields, read.change)
            text, read.fields = rewritten_form(text, read.fields, clean, read.change.added), clean
        facts.body.replace(text.encode())


def header_fields(environ: dict[Any, Any], shape: Shape) -> dict[str, Any]:
    """The headers of a request, spelled as the schema spells them, those it does not name in lower case."""
    spelled = {name.lower(): name for name in shape.properties}
    found = {}
    for key, value in environ.items():
        if isinstance(key, str) and isinstance(value, str):
            header = _header(key)
            if header and value:
                found[spelled.get(header, header)] = native(value, errors="replace")
    return found


def _header(key: str) -> str:
    if key.startswith("HTTP_"):
        key = key[5:]
    elif key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        return ""
    return key.lower().replace("_", "-")
