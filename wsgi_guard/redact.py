"""Takes secrets out of names and texts before they leave the process.

A value goes by the name it stands under (password, authorization, ...), by its own shape (JWT, private key, URL with
a password, card number, ...), also URL-encoded or in base64, or because somebody knows it. What looks like a secret is
one: a harmless value lost costs less than a key in a log.
All work is linear in the length of the text, and every result is bounded. Knows no request, event or log record.
"""

from __future__ import annotations

import json
import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from .shapes import MARK as MARK
from .shapes import cards, pairs, tokens, urls
from .sqlerrors import values

TEXT_LIMIT = 8_000
"""Characters of a text that are kept unless the caller says otherwise; a traceback of 40 frames has about 5,000."""

OVERLAP = 1_024
"""Characters read beyond a cut and then dropped, so that no secret up to this length is cut in two and missed."""

DATA_LIMIT = 8_000
"""Characters, all names and values together, that `Redactor.data` keeps of one value."""

DATA_DEPTH = 6
NAMES_KEPT = 2_000
"""Names whose verdict is remembered; names come from code and headers, so a process sees a few hundred."""

# A name that contains one of these is secret, whatever stands around it: db_password, X-Auth-Token, sessionid.
PARTS = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "apikey", "accesskey",
    "privatekey", "signingkey", "encryptionkey", "accountkey", "cookie", "credential", "session", "sessid", "csrf",
    "xsrf", "cardnumber", "creditcard", "connectionstring", "signature",
)  # fmt: skip
# Too short to be looked for inside other words (pin is in "shipping"): secret only as a whole word of a name.
WORDS = frozenset({
    "pwd", "pass", "pw", "pin", "otp", "totp", "cvv", "cvc", "ssn", "sid", "dsn", "jwt", "auth", "sig", "bearer",
})  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PIECES = re.compile(r"([\s\"'<>]+)")
_CONTAINERS = (Mapping, list, tuple, set, frozenset)
_STRING = re.compile(r"([\"'])((?:(?!\1)[^\\]|\\.)*+)\1")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# Twelve bytes: what is shorter says little, and words of that length are everywhere.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}+")
_URL_SAFE = str.maketrans("-_", "+/")
REDACTED_BY = "wsgi_guard_redactor"
"""The attribute of an exception that holds a Redactor who knows the secrets of the request it was raised in."""
NESTED = 2
"""Layers of base64 that are looked into."""


class Redactor:
    """Redacts by the built-in names and shapes, and by `names` of one's own (three letters or less: whole words)."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        own = [_squeeze(name) for name in names]
        self._parts = (*PARTS, *(name for name in own if len(name) > 3))
        self._words = WORDS | {name for name in own if 0 < len(name) <= 3}
        self._known: dict[str, bool] = {}
        self._values: tuple[str, ...] = ()
        self._coded: tuple[str, ...] = ()

    def knowing(self, values: Iterable[str]) -> Redactor:
        """As this one, and takes out `values` too, as they are, URL-encoded or in base64, wherever they stand."""
        values = list(values)
        if not values:
            return self
        other = Redactor()
        other._parts, other._words, other._known = self._parts, self._words, self._known
        other._values = _longest_first(form for value in values for form in _forms(value))
        other._coded = _longest_first(form for value in values for form in _based(value))
        return other

    def secret_name(self, name: str) -> bool:
        """True for the name of a field, header or variable whose value must not be shown."""
        name = name[-64:]
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= NAMES_KEPT:
                self._known.clear()
            known = self._known[name] = self._judge(name)
        return known

    def _judge(self, name: str) -> bool:
        squeezed = _squeeze(name)
        if any(part in squeezed for part in self._parts):
            return True
        return any(word.lower() in self._words for word in _WORD.findall(name))

    def text(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """At most about `limit` characters of `text` without its secrets; a cut is marked."""
        if len(text) <= limit:
            return self._clean(text)
        kept = self._clean(text[: limit + OVERLAP])[:-OVERLAP]
        return f"{kept[:limit]}... [{len(text) - limit} more characters]"

    def error(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """As `text`, for what an exception says: what databases repeat of the data goes too."""
        if len(text) <= limit:
            return self._clean(values(text))
        head = text[: limit + OVERLAP]
        told = values(head, whole=False)
        kept = self._clean(told)
        # What ends with a value that is left out has no secret cut in two.
        kept = kept[:-OVERLAP] if told is head else kept
        return f"{kept[:limit]}... [{len(text) - limit} more characters]"

    def code(self, line: str) -> str:
        """As `text`, for a line of source: under a secret name only literals go, expressions stay."""
        line = _STRING.sub(lambda found: f"{found[1]}{self._clean(found[2])}{found[1]}", line[:500])
        return self._clean(line, literals=True)

    def _clean(self, text: str, *, literals: bool = False, nested: int = NESTED) -> str:
        text = self._shapes(_without(self._values, text), literals)
        if "%" in text:
            text = self._encoded(text, literals, nested)
        return self._without_based(text, nested)

    def _without_based(self, text: str, nested: int) -> str:
        text = _BASE64.sub(lambda found: self._based(found[0], nested), text) if nested else text
        # Last: a run of which a part was cut out is decoded out of step.
        return _without(self._coded, text)

    def _based(self, run: str, nested: int) -> str:
        """A run of base64 characters, or MARK for it, or for a part between slashes, where that holds a secret."""
        if self._hides(run, nested):
            return MARK
        if "/" not in run:
            return run
        return "/".join(MARK if len(part) >= 12 and self._hides(part, nested) else part for part in run.split("/"))

    def _hides(self, run: str, nested: int) -> bool:
        run = run.translate(_URL_SAFE)
        try:
            plain = a2b_base64(run[: len(run) - (len(run) % 4 == 1)] + "==").decode()
        except (Error, UnicodeDecodeError):
            return False
        return self._clean(plain, nested=nested - 1) != plain

    def _shapes(self, text: str, literals: bool) -> str:
        # What is taken out can bare the start of the next secret; a text without any is gone through once.
        for _ in range(4):
            before, text = text, cards(tokens(pairs(urls(text), self.secret_name, literals=literals)))
            if text == before:
                break
        return text

    def _encoded(self, text: str, literals: bool, nested: int) -> str:
        """`text` with every percent-encoded piece replaced by its decoded, redacted form if that holds a secret."""
        if _ESCAPE.search(text) is None:
            return text
        pieces = _PIECES.split(text)
        for at in range(0, len(pieces), 2):
            if "%" in pieces[at]:
                pieces[at] = self._decoded(pieces[at], literals, nested)
        return "".join(pieces)

    def _decoded(self, piece: str, literals: bool, nested: int) -> str:
        plain = piece
        for _ in range(3):
            before, plain = plain, unquote(plain)
            if plain == before:
                return piece
            clean = self._without_based(self._shapes(_without(self._values, plain), literals), nested)
            if clean != plain:
                return clean
        return piece

    def data(self, value: Any) -> Any:
        """A copy of `value` made of dicts, lists, texts and numbers, secrets out, within DATA_LIMIT characters."""
        return self._copy(value, DATA_DEPTH, [DATA_LIMIT])

    def _copy(self, value: Any, depth: int, left: list[int]) -> Any:
        if value is None or isinstance(value, bool):
            left[0] -= 5
            return value
        if isinstance(value, Mapping) and depth:
            return self._mapping(value, depth, left)
        if isinstance(value, _CONTAINERS) and depth:
            return self._items(value, depth, left)
        if isinstance(value, int | float) and _plain_number(value):
            left[0] -= 8
            return value
        text = f"<{type(value).__name__}>" if isinstance(value, _CONTAINERS) else plain_text(value)
        text = self.error(text, max(left[0], 0))
        left[0] -= len(text) + 4
        return text

    def _mapping(self, value: Mapping[Any, Any], depth: int, left: list[int]) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        left[0] -= 4
        for key, item in value.items():
            if left[0] <= 0:
                copy["..."] = f"{len(value) - len(copy)} more"
                break
            name = self.error(plain_text(key), 100)
            left[0] -= len(name) + 4
            secret = self.secret_name(name) and item is not None
            copy[name] = MARK if secret else self._copy(item, depth - 1, left)
        return copy

    def _items(self, value: Iterable[Any], depth: int, left: list[int]) -> list[Any]:
        copy: list[Any] = []
        left[0] -= 4
        for item in value:
            if left[0] <= 0:
                copy.append("...")
                break
            copy.append(self._copy(item, depth - 1, left))
        return copy


def _forms(value: str) -> Iterable[str]:
    """A secret as it may be written: plain, quoted by Python or JSON, URL-encoded."""
    return (
        value, quote(value, safe="", errors="replace"), quote(value, errors="replace"),
        quote_plus(value, errors="replace"), json.dumps(value)[1:-1], repr(value)[1:-1],
        repr(value.encode("utf-8", "surrogatepass"))[2:-1],
    )  # fmt: skip


def _based(value: str) -> Iterable[str]:
    """A secret in base64 of either alphabet, where it begins a run."""
    coded = b2a_base64(value.encode("utf-8", "surrogatepass"), newline=False).decode().rstrip("=")
    # The last character of base64 depends on what follows.
    coded = coded if len(coded) % 4 == 0 else coded[:-1]
    return coded, coded.replace("+", "-").replace("/", "_")


def _longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(forms), key=len, reverse=True))


def _without(values: Iterable[str], text: str) -> str:
    for value in values:
        # Most texts are lines of code, shorter than what clients send.
        if len(value) <= len(text) and value in text:
            text = text.replace(value, MARK)
    return text


def _squeeze(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _plain_number(number: int | float) -> bool:
    """False for a number that JSON cannot hold, is very long, or could be a payment card's."""
    if isinstance(number, float):
        return isfinite(number)
    return number.bit_length() <= 256 and cards(text := int.__repr__(number)) == text


def plain_text(value: Any) -> str:
    """`str(value)`, or a note of its type where that raises: nobody's `__str__` may break a log line."""
    try:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)
        return str.__getitem__(text, slice(None))
    except Exception:
        return f"<unprintable {type(value).__name__}>"


def one_line(text: str) -> str:
    """`text` with control, line-breaking and direction-changing characters escaped: it can forge no log line."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
