"""The views of a value that attacks are looked for in: what a decoder further in might make of it.

Each view is lower-case text, made in linear time, with runs of white space folded so that rules need not. Pure.
"""

from __future__ import annotations

import re
from html import unescape
from unicodedata import normalize
from urllib.parse import unquote

# An attack that is encoded more often than this is decoded by nobody either.
ROUNDS = 3
# Characters normalised at a time: a run of combining marks is sorted by insertion, so 100,000 of them take seconds at
# once. What the rules look for are compatibility forms of single characters, which no border can part.
_PIECE = 256

_U_ESCAPE = re.compile(r"%u([0-9a-f]{4})", re.I)
_BACKSLASH = re.compile(r"\\u\{?([0-9a-f]{4})\}?|\\x([0-9a-f]{2})", re.I)
# Overlong UTF-8 of . / \ ' <, which old decoders accept (RFC 3629, 10).
_OVERLONG = {
    "%c0%ae": ".", "%e0%80%ae": ".", "%c0%af": "/", "%e0%80%af": "/", "%c1%9c": "\\", "%c0%a7": "'", "%c0%bc": "<",
}  # fmt: skip
_SQL_VERSIONED = re.compile(r"/\*!\d{0,6}")
_SQL_COMMENT = re.compile(r"/\*[^*]{0,200}\*++/")
_SPACE = re.compile(r"[\s\x00\xa0]++")
_BLANK = re.compile(r"[^\S\n]++")
_LINE = re.compile(r" ?\n[ \n]*+")
# What browsers leave out of a scheme: controls and white space, and what nobody sees.
_UNSEEN = re.compile(r"[\x00-\x20\u200b-\u200f\u2060\ufeff]++")
_JOINED = re.compile(r"(?<=\w)(?:''|\"\"|\\|\^)(?=\w)|(?<=\w)['\"](?=\w['\"]?\w)")
_SLASHES = re.compile(r"/(?:\./|/)++")


def decoded(value: str) -> str:
    """`value` with percent escapes and compatibility forms undone, in lower case."""
    for _ in range(ROUNDS):
        before = value
        if "%" not in value or (value := _undo_percent(value)) == before:
            break
    return folded(value).lower()


def folded(value: str) -> str:
    """`value` with the compatibility forms of its characters undone (Unicode NFKC), in linear time."""
    if value.isascii():
        return value
    return "".join(normalize("NFKC", value[at : at + _PIECE]) for at in range(0, len(value), _PIECE))


def _undo_percent(value: str) -> str:
    value = _U_ESCAPE.sub(lambda found: chr(int(found[1], 16)), value)
    lowered = value.lower()
    if any(form in lowered for form in _OVERLONG):
        value = lowered
        for form, char in _OVERLONG.items():
            value = value.replace(form, char)
    return unquote(value, errors="replace")


def for_sql(text: str) -> str:
    """Comments as the space or the inside they stand for, and one space for all white space."""
    if "/*" in text:
        text = _SQL_COMMENT.sub(" ", _SQL_VERSIONED.sub(" ", text))
        text = text.replace("*/", " ")
    return _SPACE.sub(" ", text)


def for_markup(text: str) -> str:
    """Character references and script escapes undone, and one space for all white space."""
    if "&" in text:
        text = unescape(text).lower()
    if "\\" in text:
        text = _BACKSLASH.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    return _SPACE.sub(" ", text)


def without_controls(text: str) -> str:
    """As browsers read a scheme: without white space and what cannot be seen."""
    return _UNSEEN.sub("", text)


def for_shell(text: str) -> str:
    """`${IFS}` as a space, quotes and backslashes inside words left out, one space or line break for many."""
    text = text.replace("\x00", "")
    if "ifs" in text:
        text = text.replace("${ifs}", " ").replace("$ifs", " ")
    return _LINE.sub("\n", _BLANK.sub(" ", _JOINED.sub("", text)))


def for_path(text: str) -> str:
    """Backslashes as slashes, `./` and doubled slashes folded."""
    return _SLASHES.sub("/", text.replace("\\", "/").replace("\x00", ""))
