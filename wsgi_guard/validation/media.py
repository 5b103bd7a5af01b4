"""What a Content-Type header announces, reduced to what the guard tells apart.

Knows no request and reads no body: a header's text in, a value out.
"""

from __future__ import annotations

from typing import NamedTuple

FORM = "application/x-www-form-urlencoded"
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
# JSON must be UTF-8 (RFC 8259, 8.1); ASCII is a part of it. Any other charset is refused rather than guessed.
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
# Content types of real clients are a few dozen; longer ones are parsed each time, so the cache stays small.
_CACHED = 256
_CACHED_LENGTH = 128


class Media(NamedTuple):
    """`kind` is json, lines (one JSON document a line), form, multipart, text, other or none.

    `readable` says that the charset, if one is declared, is UTF-8 or a part of it.
    """

    kind: str
    readable: bool


_cache: dict[str, Media] = {}


def media(content_type: str) -> Media:
    """What `content_type` announces; anything malformed is `other`."""
    known = _cache.get(content_type)
    if known is not None:
        return known
    found = _parse(content_type)
    if len(_cache) < _CACHED and len(content_type) <= _CACHED_LENGTH:
        _cache[content_type] = found
    return found


def _parse(content_type: str) -> Media:
    name, *parameters = content_type.split(";")
    return Media(_kind(name.strip().lower()), all(_readable(parameter) for parameter in parameters))


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
        return "multipart"
    return "text" if name.startswith("text/") else "other"


def _readable(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip().lower() != "charset" or value.strip().strip('"').lower() in _CHARSETS
