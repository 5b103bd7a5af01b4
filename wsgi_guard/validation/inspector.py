"""Looks through a request for what looks like an attack, one decoded value at a time; `bodies` reads the body."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import Any, NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.recent import Recent
from wsgi_guard.redact import MARK, Redactor, one_line
from wsgi_guard.routes import as_text
from wsgi_guard.settings.sections import ValidationSection

from .bodies import Bodies
from .crowds import Crowd
from .decide import COOKIES, Denial, Excuse
from .described import Read
from .fields import native, parse_fields, rejoined
from .heads import header_texts
from .leaves import Leaf, of_fields
from .paths import pieces
from .ranking import ranked
from .shapes import ANY, Shape
from .threats.budget import BODIES, Budget
from .threats.evidence import THRESHOLDS
from .threats.policy import Policy
from .threats.screen import CROWDED, Finding, screen, wordy_query
from .threats.shown import shown
from .views import Texts

# A query of plain fields: names and values of which `is_plain` is true, `+` and a few escapes standing for what is
# plain too, each field with one `=` at most ("1 or 1=1" has a second).
_PLAIN_TEXT = r"[\w.,@:+-]*+(?:%(?:20|2[CDE]|3A|40)[\w.,@:+-]*+)*+"
_PLAIN_QUERY = re.compile(rf"{_PLAIN_TEXT}(?:=?+{_PLAIN_TEXT})(?:&{_PLAIN_TEXT}(?:=?+{_PLAIN_TEXT}))*+", re.A)
# Headers that are judged in pieces.
_SPLIT = ("HTTP_COOKIE", "HTTP_REFERER")
# What of the environ is not looked at: what servers put there, and headers whose own grammar looks wild or that hold
# secrets. Every other header is people's or programs' own text.
_PASSED_OVER = frozenset({
    *_SPLIT, *("HTTP_" + name for name in (
        "ACCEPT", "ACCEPT_ENCODING", "ACCEPT_LANGUAGE", "ACCEPT_CHARSET", "ACCEPT_DATETIME", "AUTHORIZATION",
        "BAGGAGE", "CACHE_CONTROL", "CONNECTION", "CONTENT_ENCODING", "CONTENT_LANGUAGE", "CONTENT_MD5", "DATE",
        "DNT", "EXPECT", "FORWARDED", "HOST", "HTTP2_SETTINGS", "IF_MATCH", "IF_MODIFIED_SINCE", "IF_NONE_MATCH",
        "IF_RANGE", "IF_UNMODIFIED_SINCE", "KEEP_ALIVE", "ORIGIN", "PRAGMA", "PRIORITY", "PROXY_AUTHORIZATION",
        "PROXY_CONNECTION", "RANGE", "SAVE_DATA", "SEC_CH_UA", "SEC_CH_UA_MOBILE", "SEC_CH_UA_PLATFORM",
        "SEC_CH_UA_ARCH", "SEC_CH_UA_FULL_VERSION_LIST", "SEC_CH_UA_MODEL", "SEC_CH_UA_PLATFORM_VERSION",
        "SEC_FETCH_DEST", "SEC_FETCH_MODE", "SEC_FETCH_SITE", "SEC_FETCH_USER", "SEC_GPC", "SEC_WEBSOCKET_EXTENSIONS",
        "SEC_WEBSOCKET_KEY", "SEC_WEBSOCKET_PROTOCOL", "SEC_WEBSOCKET_VERSION", "SIGNATURE", "SIGNATURE_INPUT", "TE",
        "TRACEPARENT", "TRACESTATE", "TRAILER", "TRANSFER_ENCODING", "UPGRADE", "UPGRADE_INSECURE_REQUESTS", "VIA",
        "X_REQUESTED_WITH", "X_FORWARDED_PROTO",
    )),
    "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE", "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "RAW_URI",
    "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REMOTE_USER", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI",
    "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "gunicorn.socket",
    "wsgi.errors", "wsgi.file_wrapper", "wsgi.input", "wsgi.input_terminated", "wsgi.multiprocess",
    "wsgi.multithread", "wsgi.run_once", "wsgi.url_scheme", "wsgi.version", "wsgi_guard.client_ip",
    "wsgi_guard.identity", "wsgi_guard.request_id",
})  # fmt: skip
# Queries and values of headers in which nothing was found; clients repeat theirs. At most 2 x 512 of 1024 characters
# for each kind, and of the names of headers an eighth of that.
_REMEMBERED, _LONGEST = 512, 1024
# The names that the settings add are taken out where the line is written.
_REDACTOR = Redactor()
# What goes on record of a body that holds more signs and words of attacks than its length pays for looking at.
_CROWDED = "the body is too dense to be inspected as a whole"
# Of a text that stands in many places so many are told.
_PLACES = 5
# What is spent on those of a crowd that tell, and how many texts are one.
_CROWD, _MANY = 200_000, 100
# Parts of a request that its headers hold.
_HEADS = frozenset({"headers", COOKIES})
# Stands in a path for a segment in which a class of attack is not looked for.
_LEFT_OUT = "-"


class Place(NamedTuple):
    """A finding and where it stands."""

    part: str
    pointer: str
    finding: Finding


def evidence(place: Place) -> str:
    """The shape of what was found: nothing at all from cookies and from a place whose name is one of a secret."""
    secret = place.part == COOKIES or _REDACTOR.secret_name(place.pointer)
    return MARK if secret else one_line(shown(place.finding.text))


class Inspector:
    """Looks for the classes of attack that the settings name."""

    def __init__(self, section: ValidationSection, policy: Policy) -> None:
        self._classes, self._least = policy.classes, policy.least
        self._sure = policy.least >= THRESHOLDS[1]
        self._bodies = Bodies(section)
        # A cookie or referring address is judged by its pieces, so it vouches for no other header.
        self._innocent: Recent[str, bool] = Recent(_REMEMBERED)
        self._plain: Recent[str, bool] = Recent(_REMEMBERED)
        self._worded: Recent[tuple[str, ...], tuple[str, ...]] = Recent(_REMEMBERED // 8)
        self._split = tuple((name, Recent[str, bool](_REMEMBERED)) for name in _SPLIT)

    def path(self, given: str, excuses: tuple[Excuse, ...], shapes: Sequence[Shape] = ()) -> list[Place]:
        """Findings in a path: a traversal has no place in one segment, all else has; markup may hold a slash.

        `shapes` are those of its segments, as far as a schema describes them.
        """
        budget, segments = Budget(), as_text(given).split("/")
        known = [*shapes, *repeat(ANY, len(segments) - len(shapes))] if shapes else []
        wholes = {text: (kinds, pieces(text)) for text, kinds in self._wholes(segments, known).items()}
        found: list[Place] = []
        for text, (kinds, _) in wholes.items():
            among = tuple(kind for kind in kinds if kind in ("traversal", "xss"))
            found += self._look("path", [Leaf((), text, ANY)], excuses, budget, among)
        if known:
            # Each once; those that are left alone are no place to look at.
            each = dict.fromkeys(zip(segments, known, strict=True))
            leaves = [Leaf((), segment, shape) for segment, shape in each if not shape.silent]
        else:
            leaves = [Leaf((), segment, ANY) for _, cut in wholes.values() for segment in cut.segments]
        others = tuple(kind for kind in self._classes if kind != "traversal")
        found += self._look("path", leaves, excuses, budget, others)
        for kinds, cut in wholes.values():
            for tail, wanted in cut.tails:
                among = tuple(kind for kind in kinds if kind in wanted)
                found += self._look("path", [Leaf((), tail, ANY)], excuses, budget, among)
        return found

    def _wholes(self, segments: list[str], known: list[Shape]) -> dict[str, list[str]]:
        """The path as the classes of the settings see it: what a segment's schema keeps from a class is left out."""
        if not known:
            return {"/".join(segments): list(self._classes)}
        found: dict[str, list[str]] = {}
        for kind in self._classes:
            found.setdefault("/".join(map(_without(kind), segments, known)), []).append(kind)
        return found

    def head(self, facts: Facts, excuses: tuple[Excuse, ...], parts: dict[str, Any]) -> Sequence[Place]:
        """Findings in query and headers, in this order."""
        environ = facts.environ
        found: list[Place] | None = None
        budget: Budget | None = None
        query = environ.get("QUERY_STRING")
        if query and self._plain.get(query) is None and not self._is_plain(query):
            budget = Budget()
            found = self._query(query, excuses, parts["query"].shape if "query" in parts else ANY, budget)
        innocent = self._innocent
        worded = self._worded.get(tuple(environ))
        for name in self._names(environ) if worded is None else worded:
            value = environ[name]
            if innocent.get(value) is None:
                budget = budget or Budget()
                found = [*(found or ()), *self._header(name, parts, innocent, excuses, budget, value)]
        for name, known in self._split:
            value = environ.get(name)
            if value and known.get(value) is None:
                budget = budget or Budget()
                found = [*(found or ()), *self._header(name, parts, known, excuses, budget, value)]
        return found or ()

    def _is_plain(self, query: str) -> bool:
        """Whether a query is of plain fields; those that were are remembered."""
        plain = _PLAIN_QUERY.fullmatch(query) is not None and not wordy_query(query)
        if plain and len(query) <= _LONGEST:
            self._plain.put(query, True)
        return plain

    def _names(self, environ: dict[str, Any]) -> tuple[str, ...]:
        """The headers in which people or programs write their own text; clients send the same ones every time."""
        found = tuple(name for name in environ if name not in _PASSED_OVER and name[:5] == "HTTP_")
        names = tuple(environ)
        if sum(map(len, names)) <= _LONGEST:
            self._worded.put(names, found)
        return found

    def body(self, facts: Facts, excuses: tuple[Excuse, ...], parts: dict[str, Any], read: Read) -> Iterable[Place]:
        """Findings in the body; raises Denial for one that may not pass unread."""
        texts = self._bodies.texts(facts, parts, read)
        return self._each(facts, texts, excuses) if texts else ()

    def _each(self, facts: Facts, texts: Iterable[Texts], excuses: tuple[Excuse, ...]) -> Iterator[Place]:
        budget, crowded = Budget(floor=BODIES), False
        for part, leaves in texts:
            for place in self._look(part, leaves, excuses, budget):
                if place.finding.rule == CROWDED:
                    crowded = True
                else:
                    yield place
        if crowded:
            # As with a body that is too long: the settings say whether it passes.
            self._bodies.unscanned(facts, Denial(413, _CROWDED, "body"))

    def _look(
        self,
        part: str,
        leaves: Sequence[Leaf] | Crowd,
        excuses: tuple[Excuse, ...],
        budget: Budget,
        among: tuple[str, ...] | None = None,
        known: dict[str, list[Finding]] | None = None,
    ) -> Iterator[Place]:
        """Findings in `leaves` of the classes `among`, by default those of the settings.

        `known` is what was found in texts for the same classes; where exclusions hold, that depends on the place.
        """
        wanted = self._classes if among is None else among
        ordered, told, whole = ranked(leaves, budget, bool(excuses), self._sure)
        # A crowd leaves the others most of what there is.
        spare = budget.lend(_CROWD) if isinstance(leaves, Crowd) and len(leaves.texts) > _MANY and told else 0
        known = {} if known is None else known
        for leaf in ordered:
            classes = self._among(wanted, part, leaf, excuses) if leaf.shape.skip or excuses else wanted
            found = known.get(leaf.text) if classes is wanted else None
            if found is None:
                view = told.get(leaf.text)
                found = screen(leaf.text, classes, self._least, budget, view)
                if budget.left < 0 and (view is None or (found and found[-1].rule == CROWDED)):
                    # Of all that is left no more would be said.
                    if view is not None or not whole:
                        yield from (Place(part, leaf.pointer, finding) for finding in found)
                    break
                if classes is wanted:
                    known[leaf.text] = found
            if found:
                places: Iterable[Leaf] = [leaf]
                if isinstance(leaves, Crowd) and not excuses and len(leaves.texts) < _MANY:
                    places = islice(leaves.everywhere(leaf.text), _PLACES)
                yield from (Place(part, each.pointer, finding) for each in places for finding in found)
        budget.left += spare

    def _among(
        self, classes: tuple[str, ...], part: str, leaf: Leaf, excuses: tuple[Excuse, ...]
    ) -> tuple[str, ...]:  # fmt: skip
        """Those of `classes` that are looked for at a place."""
        pointer, skip = leaf.pointer, leaf.shape.skip
        return tuple(
            kind
            for kind in classes
            if kind not in skip and not any(excuse.covers(part, pointer, kind) for excuse in excuses)
        )

    def _query(self, query: str, excuses: tuple[Excuse, ...], shape: Shape, budget: Budget) -> list[Place]:
        # All of its fields, however many: the server bounds the line, and one too many must not hide the rest.
        fields = parse_fields(native(query, errors="replace"), None, errors="replace")
        found = list(self._look("query", of_fields(fields, shape), excuses, budget))
        if len(fields) > 1 and (whole := rejoined(fields)):
            # Two paths one after the other are no path.
            others = tuple(kind for kind in self._classes if kind != "traversal")
            found += self._look("query", of_fields(whole, shape), excuses, budget, others)
        return found

    def _header(
        self, name: str, parts: dict[str, Any], known: Recent[str, bool], excuses: tuple[Excuse, ...],
        budget: Budget, value: str,
    ) -> list[Place]:  # fmt: skip
        texts = header_texts(name, value, parts)
        seen: dict[str, list[Finding]] = {}
        found = [place for part, leaves in texts for place in self._look(part, leaves, excuses, budget, None, seen)]
        # Elsewhere it may stand where nothing excuses it.
        if not found and not excuses and _HEADS.isdisjoint(parts) and len(value) <= _LONGEST:
            known.put(value, True)
        return found


def _without(kind: str) -> Callable[[str, Shape], str]:
    """What stands for a segment in a path as a whole where `kind` is looked for."""
    return lambda segment, shape: _LEFT_OUT if kind in shape.skip else segment
