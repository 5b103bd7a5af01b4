"""Path templates compiled at start, and every form under which a request's path may be read.

One match serves limits, schemas and labels. PEP 3333 hides `%2F` and servers differ in what they clean up, so a path
is matched as given and in its canonical form; what a slice does with two answers is its own decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from .escapes import undone
from .recent import Recent

NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(\+?)\}")
# Up to twice so many paths are kept with what they match, each up to so many characters; a longer one is matched anew
# each time. 1024 paths of 40 characters with two hits each take 1.2 MB, the longest 3 MB.
REMEMBERED, LONGEST = 512, 512
HEX = frozenset("0123456789abcdefABCDEF")
PASSES = 3
"""Times that a path is decoded as a whole, far faster than letter by letter; honest ones need one."""

Segments = tuple[str, ...]


class Template:
    """A compiled path template: `text` as written, `names` of its parameters in order."""

    __slots__ = ("literal", "names", "segments", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.segments = tuple(_parse(text))
        self.names = tuple(s[1] for s in self.segments if s[0] != "literal")
        self.literal = not self.names
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"template {text!r} uses one name twice")

    def __repr__(self) -> str:
        return f"Template({self.text!r})"


class Hit:
    """One template that matches a path, with `params` as text (UTF-8, undecodable bytes replaced)."""

    __slots__ = ("params", "template")

    def __init__(self, template: Template, values: Segments) -> None:
        self.template = template
        self.params: Mapping[str, str] = dict(zip(template.names, map(as_text, values), strict=True))

    def __repr__(self) -> str:
        return f"Hit({self.template.text!r})"


class Route:
    """What a path matches: `hits` over all its forms, most specific first, and the hits of each form in `forms`.

    `memo` is for what a slice derives from this very path.
    """

    __slots__ = ("canonical", "forms", "given", "hits", "memo")

    def __init__(self, given: str, canonical: str, forms: tuple[tuple[Hit, ...], ...]) -> None:
        self.given = given
        self.canonical = canonical
        self.forms = forms
        self.hits = _union(forms)
        self.memo: dict[Any, Any] = {}


class Node:
    __slots__ = ("literals", "one", "rests", "templates")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.one: Node | None = None
        self.templates: list[Template] = []
        self.rests: list[Template] = []


class Routes:
    """All templates of one guard."""

    def __init__(self) -> None:
        self._templates: dict[str, Template] = {}
        self._root = Node()
        self._recent: Recent[Any, Route] = Recent(REMEMBERED)

    def add(self, text: str) -> Template:
        """The compiled template; the same object for the same text. Raises ValueError with the reason."""
        template = self._templates.get(text)
        if template is None:
            template = self._templates[text] = Template(text)
            self._plant(template)
            self._recent = Recent(REMEMBERED)
        return template

    def _plant(self, template: Template) -> None:
        node = self._root
        for kind, word in template.segments:
            if kind == "rest":
                node.rests.append(template)
                return
            if kind == "literal":
                node = node.literals.setdefault(word, Node())
            else:
                node.one = node.one or Node()
                node = node.one
        node.templates.append(template)

    def forget(self) -> None:
        """Throws away what was remembered of paths, and with it all that slices derived from them."""
        self._recent = Recent(REMEMBERED)

    def match(self, environ: Mapping[str, Any]) -> Route:
        """The route of a request, from memory if its path was seen lately."""
        given, script = environ.get("PATH_INFO"), environ.get("SCRIPT_NAME")
        raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
        if type(given) is not str:
            given = ""
        if type(script) is not str:
            script = ""
        # Only an encoded slash makes the raw target tell more than the decoded path.
        raw = raw.partition("?")[0] if type(raw) is str and "%2" in raw else ""
        if raw and "%2F" not in raw and "%2f" not in raw:
            raw = ""
        key: Any = (given, script, raw) if script or raw else given
        route = self._recent.get(key)
        if route is None:
            route = self._find(given, script, raw)
            if len(given) + len(script) + len(raw) <= LONGEST:
                self._recent.put(key, route)
        return route

    def _find(self, given: str, script: str, raw: str) -> Route:
        plain = canonical(given)
        # A dict, for forms that are the same count once and keep their order.
        forms = {_split(given): None, _split(plain): None}
        if script:
            forms[_split(script + given)] = None
            forms[_split(canonical(script + given))] = None
        kept = _raw_form(raw, canonical(script + given)) if raw else None
        if kept is not None:
            forms[kept] = None
        return Route(given, plain, tuple(tuple(self._walk(form)) for form in forms))

    def _walk(self, segments: Segments) -> Iterator[Hit]:
        for template, values in _descend(self._root, segments, 0, ()):
            yield Hit(template, values)


def _descend(node: Node, segments: Segments, at: int, values: Segments) -> Iterator[tuple[Template, Segments]]:
    """Templates that match, most specific first: a literal before {name} before {name+}; each node is met once."""
    if at == len(segments):
        for template in node.templates:
            yield template, values
        return
    word = segments[at]
    child = node.literals.get(word)
    if child is not None:
        yield from _descend(child, segments, at + 1, values)
    if node.one is not None and word:
        yield from _descend(node.one, segments, at + 1, (*values, word))
    rest = "/".join(segments[at:]) if node.rests else ""
    if rest:
        for template in node.rests:
            yield template, (*values, rest)


def canonical(path: str) -> str:
    """`path` percent-decoded until stable, without `;params`, empty and dot segments and a trailing slash.

    >>> canonical("/a//b/./c;v=1/../%64/")
    '/a/b/d'
    """
    text = decoded(path)
    segments = text.split("/")
    return "/" + "/".join(_clean(_without_params(segments) if ";" in text else segments))


def decoded(text: str) -> str:
    """`text` percent-decoded until there is nothing left to decode, however often it was encoded, in linear time."""
    try:
        for _ in range(PASSES):
            if "%" not in text:
                return text
            once = undone(text.encode("latin-1")).decode("latin-1")
            if len(once) == len(text):
                return text
            text = once
    except UnicodeEncodeError:
        # No path of a request, whose bytes are such characters (PEP 3333).
        pass
    return _decoded_to_the_end(text)


def _decoded_to_the_end(text: str) -> str:
    """As `decoded`, in one pass whatever the depth; a pass over the whole for each level would be quadratic."""
    found: list[str] = []
    for char in text:
        found.append(char)
        # What comes out may be the end of another escape: "%25" and "41", or "%4" and "%31".
        while len(found) > 2 and found[-3] == "%" and found[-1] in HEX and found[-2] in HEX:
            code = int(found[-2] + found[-1], 16)
            del found[-3:]
            found.append(chr(code))
    return "".join(found)


def _without_params(segments: list[str]) -> list[str]:
    return [segment.partition(";")[0] for segment in segments]


def _clean(segments: list[str]) -> list[str]:
    if ".." not in segments and "." not in segments:
        return list(filter(None, segments))
    kept: list[str] = []
    for word in segments:
        if word == "..":
            del kept[-1:]
        elif word not in ("", "."):
            kept.append(word)
    return kept


def as_text(word: str) -> str:
    """A piece of an environ path (bytes as latin-1, PEP 3333) as the text it stands for."""
    return word if word.isascii() else word.encode("latin-1", "replace").decode("utf-8", "replace")


def _split(path: str) -> Segments:
    parts = path.split("/")
    start = 1 if parts[0] == "" else 0
    return tuple(parts[start:]) if parts[start:] != [""] else ()


def _raw_form(raw: str, plain: str) -> Segments | None:
    """Segments of a raw target, encoded slashes inside them, if it is the target of the path `plain`."""
    if not raw.startswith("/"):
        # A proxy's form: http://host/path.
        raw = "/" + raw.partition("://")[2].partition("/")[2]
    segments = [decoded(segment) for segment in raw.split("/")]
    # Otherwise something outside has rewritten the path, and the target means another place.
    return tuple(_clean(_without_params(segments))) if canonical("/".join(segments)) == plain else None


def _union(forms: tuple[tuple[Hit, ...], ...]) -> tuple[Hit, ...]:
    found: dict[str, Hit] = {}
    for hits in forms:
        for hit in hits:
            found.setdefault(hit.template.text, hit)
    return tuple(sorted(found.values(), key=lambda hit: _rank(hit.template)))


def _rank(template: Template) -> list[str]:
    """Sorts literals before names before rests, segment by segment; "~" ends it, so that longer comes first."""
    return [{"literal": "0", "one": "1", "rest": "2"}[kind] for kind, _ in template.segments] + ["3"]


def _parse(text: str) -> Iterator[tuple[str, str]]:
    if not text.startswith("/"):
        raise ValueError(f"template {text!r} must start with '/'")
    if "?" in text or "#" in text:
        raise ValueError(f"template {text!r} must be a path without query; '?' and '#' in a name are %3F and %23")
    parts = text[1:].removesuffix("/").split("/") if text != "/" else []
    for at, part in enumerate(parts):
        name = NAME.fullmatch(part)
        if name is None:
            yield "literal", _literal(text, part)
        elif not name[2]:
            yield "one", name[1]
        elif at == len(parts) - 1:
            yield "rest", name[1]
        else:
            raise ValueError(f"template {text!r}: {part!r} takes the rest of the path, so it must stand last")


def _literal(text: str, part: str) -> str:
    if "{" in part or "}" in part or (part.startswith("<") and part.endswith(">")):
        raise ValueError(f"template {text!r}: {part!r} must be a name in braces, alone in its segment")
    if part in ("*", "**"):
        raise ValueError(f"template {text!r}: {part!r} stands for itself; write {{name}} or, for the rest, {{rest+}}")
    try:
        word = unquote_to_bytes(part).decode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"template {text!r} has a character that UTF-8 has not") from None
    if word in ("", ".", "..") or "/" in word:
        raise ValueError(f"template {text!r} has an empty, dot or slash segment {part!r}")
    return word
