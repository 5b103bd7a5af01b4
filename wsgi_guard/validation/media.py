"""What a Content-Type header announces, reduced to what the guard tells apart.

Knows no request and reads no body: a header's text in, a value out.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .parse import Malformed

FORM = "application/x-www-form-urlencoded"
_LINES = frozenset({
    "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
    "application/json-seq",
})  # fmt: skip
# XML by either of its names is the same text (RFC 7303, 9.1).
_XML = frozenset({"application/xml", "application/xml-external-parsed-entity", "application/xml-dtd"})
# JSON must be UTF-8 (RFC 8259, 8.1); ASCII is a part of it. Any other charset is refused rather than guessed.
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
# 1 to 70 characters, a space only inside quotes and never at the end (RFC 2046, 5.1.1); some readers end it at a comma.
_LETTERS = r"0-9A-Za-z'()+_./:=?\-"
_QUOTED = rf'"([{_LETTERS}, ]{{0,69}}[{_LETTERS},])"'
_BOUNDARY = re.compile(rf"[ \t]*boundary=(?:{_QUOTED}|([{_LETTERS}]{{1,70}}))[ \t]*", re.I | re.A)
# Content types of real clients are a few dozen; longer ones are parsed each time, so the cache stays small.
_CACHED = 256
_CACHED_LENGTH = 128


class Media(NamedTuple):
    """`kind` is json, lines (one JSON document a line), form, multipart (form-data), mixed (any other multipart), xml,
    text, other or none.

    `readable` says that the charset, if one is declared, is UTF-8 or a part of it; `charset` is the last one declared.
    """

    kind: str
    readable: bool
    charset: str = ""


_cache: dict[str, Media] = {}


def media(content_type: str) -> Media:
    """What `content_type` announces; anything malformed is `other`."""
    known = _cache.get(content_type)
    if known is not None:
        return known
    found = _parse(content_type)
    # Each multipart body has a boundary of its own.
    if len(_cache) < _CACHED and len(content_type) <= _CACHED_LENGTH and found.kind not in ("multipart", "mixed"):
        _cache[content_type] = found
    return found


def _parse(content_type: str) -> Media:
    name, *parameters = content_type.split(";")
    charsets = [value.lower() for key, value in map(_parameter, parameters) if key == "charset"]
    return Media(_kind(name.strip().lower()), _CHARSETS.issuperset(charsets), charsets[-1] if charsets else "")


def _kind(name: str) -> str:
    if not name:
        return "none"
    if name == "application/json" or name.endswith("+json"):
        return "json"
    if name in _LINES:
        return "lines"
    if name == FORM:
        return "form"
    if name.startswith("multipart/"):
        return "multipart" if name == "multipart/form-data" else "mixed"
    if name == "application/xml" or name.endswith("+xml"):
        return "xml"
    # What nearly says JSON may be taken for it: a list of types, an old name. A text is looked at as JSON too.
    if name.startswith("text/") or "json" in name or name in _XML or name.endswith("+xml"):
        return "text"
    return "other"


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def boundary(content_type: str) -> bytes:
    """The boundary of a multipart type. Raises Malformed for none, two, and one that readers read differently."""
    parameters = [text for text in content_type.split(";")[1:] if "boundary" in text.lower()]
    found = _BOUNDARY.fullmatch(parameters[0]) if len(parameters) == 1 else None
    if found is None:
        raise Malformed("the multipart body has no boundary, or one that is malformed")
    return (found[1] or found[2]).encode("ascii")
