"""The views of a value that attacks are looked for in: what a decoder further in might make of it.

Each view is lower-case text, made in linear time, with runs of white space folded so that rules need not. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import normalize
from urllib.parse import unquote

from wsgi_guard.escapes import undone

# An attack that is encoded more often than this is decoded by nobody either.
ROUNDS = 3
# Characters normalised at a time: a run of combining marks is sorted by insertion, so 100,000 of them take seconds at
# once. What the rules look for are compatibility forms of single characters, which no border can part.
_PIECE = 256

# Two ligatures of Arabic stand for whole sentences, which would make a text six times as long, and hold no sign.
_LONG_FORMS = {0xFDFA: " ", 0xFDFB: " "}

# Both cases are spelled out: with a flag for them it takes twice the time.
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_NO_U_ESCAPE = re.compile(r"%u(?![0-9a-fA-F]{4})")
_BACKSLASH = re.compile(r"\\(?:\\{0,3}u\{?0{0,4}([0-9a-f]{2,4})\}?|\\{0,3}x([0-9a-f]{2})|([0-7]{2,3}))", re.I)
# Overlong UTF-8 of ASCII in two and three bytes, which old decoders accept (RFC 3629, 10).
_OVERLONG = re.compile(r"%(?:c([01])|e0%8([01]))%([89ab][0-9a-f])", re.I)
_SQL_VERSIONED = re.compile(r"/\*!\d{0,6}")
_SQL_COMMENT = re.compile(r"/\*[^*]{0,200}\*++/")
_SQL_LINE = re.compile(r"(?:#|--)[^\n]{0,80}\n")
# Those that `str.split` does not take for white space.
_CONTROLS = dict.fromkeys((*range(9), *range(14, 28)), " ")
_REFERENCE = re.compile(r"&(?:#x0*+([0-9a-f]{1,6});?|#0*+([0-9]{1,7});?|(lt|gt|amp|quot|nbsp);?|([a-z]{3,16});)", re.I)
# Names of the characters of which markup and scripts are made (HTML, 13.5).
_NAMED = {
    "lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'", "nbsp": " ", "tab": "\t", "newline": "\n", "excl": "!",
    "num": "#", "dollar": "$", "percnt": "%", "lpar": "(", "rpar": ")", "ast": "*", "midast": "*", "plus": "+",
    "comma": ",", "period": ".", "sol": "/", "colon": ":", "semi": ";", "equals": "=", "quest": "?", "commat": "@",
    "lsqb": "[", "lbrack": "[", "bsol": "\\", "rsqb": "]", "rbrack": "]", "hat": "^", "lowbar": "_", "grave": "`",
    "diacriticalgrave": "`", "lcub": "{", "lbrace": "{", "verbar": "|", "vert": "|", "rcub": "}", "rbrace": "}",
}  # fmt: skip
# What browsers leave out of a scheme: controls and white space, and what nobody sees.
_UNSEEN = re.compile(r"[\x00-\x1f\u200b-\u200f\u2060\ufeff]++")
_COMMENT = re.compile(r"/\*[^*]{0,80}\*/|<!--[^>]{0,80}-->")
_REAL_TAG = re.compile(r"<[a-z]{1,12}[ />]")
_SLASHES = re.compile(r"/(?:\./|/)++")
_UTF7 = {"+adw-": "<", "+ad4-": ">", "+aci-": '"', "+acc-": "'", "+ad0-": "=", "+aca-": " ", "+acg-": "(", "+ack-": ")"}
_SLASHLIKE = {0x2044: "/", 0x2215: "/", 0x2216: "/", 0x29F8: "/", 0x29F5: "/", 0x3002: "."}
_HIGH_BIT = {0xBC: "<", 0xBE: ">", 0xA2: '"'}


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
    if "\ufdfa" in value or "\ufdfb" in value:
        value = value.translate(_LONG_FORMS)
    if len(value) <= _PIECE:
        return normalize("NFKC", value)
    return "".join([normalize("NFKC", value[at : at + _PIECE]) for at in range(0, len(value), _PIECE)])


def undo_overlong(text: str) -> str:
    """Percent escapes of overlong UTF-8 as the ASCII they stand for; everything else as it is."""
    found = _OVERLONG.search(text)
    if found is None:
        return text
    # Mostly all are the same, and no two of them overlap.
    same = text.replace(found[0], _ascii(found))
    return same if _OVERLONG.search(same) is None else _OVERLONG.sub(_ascii, text)


def _ascii(found: re.Match[str]) -> str:
    return chr((64 if (found[1] or found[2]) == "1" else 0) + (int(found[3], 16) & 63))


def _undo_percent(value: str) -> str:
    return unquoted(undo_overlong(_undo_u(value)), errors="replace")


def _undo_u(text: str) -> str:
    """`text` with `%u0041` as the letter it stands for, in a sixth of the time of a substitution for each."""
    if "%u" not in text and "%U" not in text:
        return text
    text = text.replace("%U", "%u").replace("\\", "%u005c")
    # Python's own escapes of this form: other characters stand for themselves.
    text = _NO_U_ESCAPE.sub("%u0025u", text).replace("%u", "\\u")
    return text.encode("raw_unicode_escape").decode("raw_unicode_escape")


def unquoted(text: str, encoding: str = "utf-8", errors: str = "strict") -> str:
    """As `urllib.parse.unquote`, but a megabyte of escapes takes no longer than one of letters."""
    if _ESCAPE.search(text) is None:
        return text
    if not text.isascii() and (encoding, errors) != ("utf-8", "replace"):
        return unquote(text, encoding, errors)
    return undone(text.encode("utf-8", "surrogatepass")).decode(encoding, errors)


def one_spaced(text: str) -> str:
    """`text` with one space for each run of white space and controls."""
    if text.isprintable():
        if "  " not in text:
            return text
    else:
        text = text.translate(_CONTROLS)
    plain = " ".join(text.split())
    return f"{' ' * text[:1].isspace()}{plain}{' ' * (text[-1:].isspace() and plain != '')}"


def undo_references(text: str) -> str:
    """Character references of HTML as the characters they stand for, as far as attacks are made of them."""
    return _REFERENCE.sub(_referred, text) if "&" in text else text


def _referred(found: re.Match[str]) -> str:
    name = found[3] or found[4]
    if name is not None:
        return _NAMED.get(name.lower(), found[0])
    code = int(found[1], 16) if found[1] else int(found[2])
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\ufffd"


def for_sql(text: str) -> str:
    """Comments as the space or the inside they stand for, and one space for all white space."""
    if "\n" in text and ("#" in text or "--" in text):
        text = _SQL_LINE.sub(" ", text)
    if "/*" in text:
        text = _SQL_COMMENT.sub(" ", _SQL_VERSIONED.sub(" ", text))
    if "*/" in text:
        text = text.replace("*/", " ")
    return one_spaced(text)


def for_markup(text: str) -> str:
    """Markup with one space for all white space; character references undone where no markup shows without that."""
    text = one_spaced(text)
    if "&" in text and _REAL_TAG.search(text) is None:
        text = one_spaced(undo_references(text).lower())
    return text


def for_script(text: str, view: str) -> Iterator[tuple[str, bool]]:
    """Further readings of markup, each with whether it holds for the inside of tags alone: references and escapes
    undone, comments left out, and old character sets."""
    if "\\" in view:
        yield one_spaced(_BACKSLASH.sub(_escaped, view)).lower(), False
    if "&" in text:
        # Twice, and in attributes alone where tags show: there a browser undoes references.
        tags = _REAL_TAG.search(text) is not None
        yield (_no_new_tags(text) if tags else undo_references(undo_references(text)).lower()), tags
    if "/*" in view or "<!--" in view:
        yield one_spaced(_COMMENT.sub("", view)), False
    if "+ad" in view:
        for form, char in _UTF7.items():
            view = view.replace(form, char)
        yield view, False
    if "\xbc" in text:
        yield text.translate(_HIGH_BIT), False


def _no_new_tags(view: str) -> str:
    text = view.replace("&lt", "&amp;lt").replace("&#60", " ").replace("&#x3c", " ")
    return undo_references(undo_references(text).replace("&lt", " ")).lower()


def _escaped(found: re.Match[str]) -> str:
    code = int(found[1] or found[2], 16) if found[1] or found[2] else int(found[3], 8)
    return chr(code)


def without_controls(text: str) -> str:
    """As browsers read a scheme: without controls, line breaks and what cannot be seen."""
    return _UNSEEN.sub("", text)


def for_path(text: str) -> str:
    """Backslashes as slashes, `./` and doubled slashes folded."""
    if not text.isascii():
        text = text.translate(_SLASHLIKE)
    return _SLASHES.sub("/", text.replace("\\", "/").replace("\x00", ""))
