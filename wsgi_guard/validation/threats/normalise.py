"""The views of a value that attacks are looked for in: what a decoder further in might make of it.

Each view is lower-case text of bounded length, made in linear time. Pure.
"""

from __future__ import annotations

import re
from html import unescape
from unicodedata import normalize
from urllib.parse import unquote

# Characters looked at; what stands behind is not inspected, and whoever asks is told by `screen`.
LONGEST = 128 * 1024
# An attack that is encoded more often than this is decoded by nobody either.
ROUNDS = 3

_U_ESCAPE = re.compile(r"%u([0-9a-f]{4})", re.I)
_BACKSLASH = re.compile(r"\\u\{?([0-9a-f]{4})\}?|\\x([0-9a-f]{2})", re.I)
# Overlong UTF-8 of . / \ ' <, which old decoders accept (RFC 3629, 10).
_OVERLONG = {"%c0%ae": ".", "%c0%af": "/", "%c1%9c": "\\", "%c0%a7": "'", "%c0%bc": "<", "%e0%80%ae": "."}
_SQL_VERSIONED = re.compile(r"/\*!\d{0,6}")
_SQL_COMMENT = re.compile(r"/\*[^*]{0,200}\*+/")
_SPACE = re.compile(r"[\s\x00\xa0+]+")
_CONTROL = re.compile(r"[\x00-\x20\u200b-\u200f\u2060\ufeff]+")
_JOINED = re.compile(r"(?<=\w)(?:''|\"\"|\\)(?=\w)")


def decoded(value: str) -> str:
    """`value` with percent escapes and compatibility forms undone, in lower case."""
    for _ in range(ROUNDS):
        if "%" not in value:
            break
        before = value
        value = _undo_percent(value)
        if value == before:
            break
    if not value.isascii():
        value = normalize("NFKC", value)
    return value.lower()


def _undo_percent(value: str) -> str:
    if "%u" in value or "%U" in value:
        value = _U_ESCAPE.sub(lambda found: chr(int(found[1], 16)), value)
    lowered = value.lower()
    if any(form in lowered for form in _OVERLONG):
        for form, char in _OVERLONG.items():
            lowered = lowered.replace(form, char)
        value = lowered
    return unquote(value, errors="replace")


def for_sql(text: str) -> str:
    """Comments as the space they stand for, and one space for all white space."""
    if "/*" in text:
        text = _SQL_COMMENT.sub(" ", _SQL_VERSIONED.sub(" ", text)).replace("*/", " ")
    return _SPACE.sub(" ", text)


def for_markup(text: str) -> str:
    """Character references and script escapes undone."""
    if "&" in text:
        text = unescape(text).lower()
    if "\\" in text:
        text = _BACKSLASH.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    return text


def without_controls(text: str) -> str:
    """As browsers read a scheme: without white space and what cannot be seen."""
    return _CONTROL.sub("", text)


def for_shell(text: str) -> str:
    """`${IFS}` as a space, and quotes and backslashes inside words left out."""
    return _JOINED.sub("", text.replace("${ifs}", " ").replace("$ifs", " "))


def for_path(text: str) -> str:
    """Backslashes as slashes, `./` and doubled slashes folded, no NUL."""
    text = text.replace("\\", "/").replace("\x00", "")
    while "/./" in text:
        text = text.replace("/./", "/")
    return re.sub(r"/{2,}", "/", text)
