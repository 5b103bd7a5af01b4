"""The head of one part of a multipart/form-data body: the field's name, the file's name, the declared type. Pure.

Strict where readers differ: escapes in quotes, folded lines, a name that is given twice or in two spellings.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from .parse import Malformed

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  (RFC 9110, 5.6.2)
_LINE = re.compile(rf"({_TOKEN}):[ \t]*(.*?)[ \t]*", re.S)
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*({_TOKEN})=(?:"([^"\\]*)"|({_TOKEN}))')
_REST = re.compile(r"[ \t]*;?[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# RFC 2045, 5.1; what follows the subtype is the app's to read.
_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}[ \t]*(?:;.*)?", re.S)
_CHARSET = re.compile(r""";[ \t]*charset[ \t]*=[ \t]*["']?(?:utf-?8|us-ascii|ascii)["']?[ \t]*(?:;|$)""", re.I)
# Encodings that change nothing (RFC 2045, 6.2); RFC 7578, 4.7 has no others, and readers differ about them.
_UNCHANGED = frozenset({"7bit", "8bit", "binary"})
# What .NET writes for a file name that is not ASCII, beside the same name in `filename*`.
_ENCODED_WORD = re.compile(r"=\?utf-8\?B\?([A-Za-z0-9+/=]*)\?=", re.I)


class Part(NamedTuple):
    """`filename` is None for a field; `content_type` is what was declared, "" when nothing was."""

    name: str
    filename: str | None
    content_type: str


def part_of(head: bytes) -> Part:
    """The part whose head is `head`, without the empty line. Raises Malformed."""
    fields = _fields(head)
    if fields.get("content-transfer-encoding", "binary").lower() not in _UNCHANGED:
        raise Malformed("a part has a transfer encoding, which multipart/form-data does not have")
    if "content-encoding" in fields:
        raise Malformed("a part has a content encoding, which multipart/form-data does not have")
    kind = fields.get("content-type", "")
    if kind.lower().startswith("multipart/"):
        raise Malformed("a part is multipart itself")
    parameters = _parameters(fields.get("content-disposition", ""))
    if "name" not in parameters:
        raise Malformed("a part has no name")
    filename = _filename(parameters)
    if kind and not _TYPE.fullmatch(kind):
        raise Malformed("the type of a part is malformed")
    if filename is None and "charset" in kind.lower() and not _CHARSET.search(kind):
        raise Malformed("a field must be UTF-8")
    return Part(parameters["name"], filename, kind)


def _fields(head: bytes) -> dict[str, str]:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the head of a part is not UTF-8") from None
    found: dict[str, str] = {}
    for line in text.split("\r\n"):
        match = None if _CONTROL.search(line) else _LINE.fullmatch(line)
        if match is None:
            raise Malformed("the head of a part is malformed")
        name = match[1].lower()
        if name in found:
            raise Malformed("the head of a part names a field twice")
        found[name] = match[2]
    return found


def _parameters(disposition: str) -> dict[str, str]:
    kind, semicolon, rest = disposition.partition(";")
    if kind.strip().lower() != "form-data":
        raise Malformed("a part is no form-data")
    found: dict[str, str] = {}
    text, at = semicolon + rest, 0
    while (match := _PARAMETER.match(text, at)) is not None:
        name = match[1].lower()
        # `name*` and `filename*0` exist for some readers and not for others.
        if name in found or ("*" in name and name != "filename*"):
            raise Malformed("a part has two names")
        found[name] = match[2] if match[3] is None else match[3]
        at = match.end()
    if not _REST.fullmatch(text, at):
        raise Malformed("the name of a part is malformed")
    return found


def _filename(parameters: dict[str, str]) -> str | None:
    """The file's name; `filename*`, which some clients add (RFC 7578, 4.2 forbids it), must say the same."""
    plain, extended = parameters.get("filename"), parameters.get("filename*")
    if extended is None:
        return plain
    charset, _, quoted = extended.partition("'")
    try:
        if charset.lower() != "utf-8":
            raise ValueError
        name = unquote_to_bytes(quoted.partition("'")[2]).decode("utf-8")
        if plain is None or name not in _readings(plain):
            raise ValueError
    except ValueError:
        raise Malformed("a part has two file names") from None
    return name


def _readings(plain: str) -> tuple[str, ...]:
    word = _ENCODED_WORD.fullmatch(plain)
    decoded = b64decode(word[1]) if word else unquote_to_bytes(plain)
    return plain, decoded.decode("utf-8")
