"""The policy of validation, pure: which schema a request meets, what of its body is read, what a place excuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from wsgi_guard.errors import Refused
from wsgi_guard.routes import Hit, Route
from wsgi_guard.settings.sections import ExcludeSection

from .media import Media
from .shapes import ANY, Shape

# Violations told to a client; a hundred would help nobody more than these do.
SHOWN = 20
MISFIT = "the request does not fit its schema"
AMBIGUOUS = "the path of the request can be read in two ways that have different schemas"
ENCODED = "an encoded body is not accepted here"
CHARSET = "the body of the request must be UTF-8"
ATTACK = "the request looks like an attack"

# Bodies without a schema that the screen reads.
SCREENED = frozenset({"json", "lines", "form", "multipart", "mixed", "xml", "text", "none"})
_KINDS = {"body": ("json",), "form": ("form", "multipart"), "files": ("multipart",)}
_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data"}

COOKIES = "cookies"
# Where all cookies stand together.
COOKIE = "/cookie"

Endpoints = Mapping[Any, Mapping[str, Any]]


class Denial(Refused):
    """A refusal with what goes on record about it; `rule` and `reason` hold nothing of the client's.

    `part` is that of the request that it rests on.
    """

    def __init__(
        self, status: int, detail: str, rule: str, reason: str = "", *, evidence: str = "", part: str = "body",
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(status, detail, **more)
        self.evidence = evidence
        self.part = part
        self.rule = rule
        self.reason = reason or detail


class Excuse(NamedTuple):
    """Where not to look: None stands for every part or place, no classes for all of them."""

    part: str | None
    pointer: str | None
    classes: frozenset[str]

    def covers(self, part: str, pointer: str, kind: str) -> bool:
        """Whether `kind` is not looked for there. All cookies can also be named by their header."""
        if self.classes and kind not in self.classes:
            return False
        return self._holds(part, pointer) or (part == COOKIES and self._holds("headers", COOKIE))

    def _holds(self, part: str, pointer: str) -> bool:
        if self.part is not None and self.part != part:
            return False
        return self.pointer is None or pointer == self.pointer or pointer.startswith(self.pointer + "/")


def endpoint(route: Route, verb: str, endpoints: Endpoints) -> tuple[Any, Hit] | None:
    """The endpoint that describes this request, and how it matched; None when no schema does.

    A form of the path that meets no schema changes nothing; two forms that meet different ones raise Denial (400).
    """
    found: tuple[Any, Hit] | None = None
    for hits in route.forms:
        first = _first(hits, verb, endpoints)
        if first is not None and found is not None and first[0] is not found[0]:
            raise Denial(400, AMBIGUOUS, "path", part="path")
        found = found or first
    return found


def _first(hits: Iterable[Hit], verb: str, endpoints: Endpoints) -> tuple[Any, Hit] | None:
    for hit in hits:
        known = endpoints.get(hit.template, {}).get(verb)
        if known is not None:
            return known, hit
    return None


def described(parts: Mapping[str, Any], kind: str, present: Callable[[], bool]) -> str:
    """Which of the parts "body", "form" and "files", at least one of them described, describes this body.

    Raises Denial (415) for a body of another kind, if there is one: what is absent needs no type.
    """
    known = [part for part in _KINDS if part in parts]
    for part in known:
        if kind in _KINDS[part]:
            return part
    if not present():
        return known[0]
    wanted = list(dict.fromkeys(_TYPES[kind] for part in known for kind in _KINDS[part]))
    headers = (("Accept", ", ".join(wanted)),)
    raise Denial(415, f"the body of the request must be {' or '.join(wanted)}", "type", headers=headers)


def readable(media: Media, encoding: str) -> None:
    """Raises Denial (415) for a body whose bytes would have to be decoded first, RFC 9110 15.5.16."""
    if encoding.strip().lower() not in ("", "identity"):
        raise Denial(415, ENCODED, "encoding", headers=(("Accept-Encoding", "identity"),))
    if not media.readable:
        raise Denial(415, CHARSET, "charset")


def misfit(file: str, violations: Sequence[Mapping[str, str]]) -> Denial:
    """The 400 that tells all mistakes, at most SHOWN of them."""
    first = violations[0]
    place = first.get("place", first["pointer"])
    # The count stands in front: behind a file called "GET.cookies.json" it would look like the value of a secret.
    reason = f"{len(violations)} violation(s) of {file}, the first is {first['keyword']!r} at {place!r}"
    told = [{name: text for name, text in one.items() if name != "place"} for one in violations[:SHOWN]]
    return Denial(400, MISFIT, "schema", reason, part=first["part"], members={"errors": told})


def excuses(route: Route, excluded: Sequence[tuple[Any, ExcludeSection]], raw: str) -> tuple[Excuse, ...]:
    """The exclusions that hold for this path, of which `raw` is the request target if the server gives it.

    A path that can be read in two ways is excused from nothing: one reading may be of a path nobody excluded.
    """
    if not reads_one_way(route, raw):
        return ()
    templates = {hit.template for hit in route.hits}
    return tuple(
        Excuse(section.part, section.pointer, frozenset(section.classes))
        for template, section in excluded
        if template in templates
    )


def reads_one_way(route: Route, raw: str) -> bool:
    """Whether the path of a request, `raw` with its query, means the same to everybody."""
    return (route.given.rstrip("/") or "/") == route.canonical and "%2f" not in raw.partition("?")[0].lower()


def segment_shapes(route: Route, hit: Hit, shape: Shape, raw: str) -> list[Shape]:
    """What `shape` says of each segment of the path, that in front of the first slash included.

    Nothing of a path that can be read in two ways, nor where it matched together with the place of a mounted app.
    """
    words, segments = route.given.rstrip("/").split("/")[1:], hit.template.segments
    rest = len(words) - len(segments)
    ends = bool(segments) and segments[-1][0] == "rest"
    if rest < 0 or (rest and not ends) or not reads_one_way(route, raw):
        return []
    found = [ANY if kind == "literal" else shape.of(name) for kind, name in segments]
    return [ANY, *found, *found[-1:] * rest]
