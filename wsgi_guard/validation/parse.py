"""JSON bytes to values, under limits that are checked before the parser sees a byte.

What is refused is said in words that hold nothing of the document. Time is linear in its length.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from math import isinf
from typing import Any, NoReturn

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.S)
# A document in whose strings no bracket stands, so that every bracket is one of its structure.
_OPEN_BOOK = re.compile(r'(?:[^"\\]*+"[^"\\\[\]{}]*+")*+[^"\\]*+')
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)", re.S)
_NUMBER = re.compile(r"[0-9][0-9.eE+-]*+")
_NOT_STRUCTURE = {code: None for code in range(128) if chr(code) not in "[]{},"}
_SPACE = {ord(char): None for char in " \t\r\n"}
_NO_BRACKETS = bytes(code for code in range(256) if chr(code) not in "[]{}")
# Strings whose escapes are undone one by one where that cannot be done at once.
_SINGLY = 2_000
_DEPTH = {code: 1 if chr(code) in "[{" else -1 for code in b"[]{}"}


TOO_LONG = "the body holds a number that is too long"


class Malformed(ValueError):
    """The text is not what it claims to be, or is beyond a limit; the message may be shown to the client."""


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("the body names a member twice in one object")
    return found


def _keep_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        values: dict[str, Any] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        return values
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise Malformed("the body holds NaN or Infinity, which JSON does not have")


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise Malformed("the body holds a number that is too large")
    return value


_STRICT = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant, parse_float=_finite
)
_LAST = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
# For looking only: takes what apps take, or an attack would hide behind a NaN.
_LOOSE = json.JSONDecoder(object_pairs_hook=_keep_duplicates, strict=False)


class JsonReader:
    """Reads JSON documents of at most `max_depth` levels and `max_members` values.

    Strings have at most `max_string` and numbers `max_number` characters (0: no bound). A member named twice is
    refused, or with `last_counts` the last one stands.
    """

    __slots__ = ("_max_depth", "_max_members", "_max_number", "_max_string", "_strict")

    def __init__(
        self, max_depth: int, max_members: int, *, max_string: int = 0, max_number: int = 0, last_counts: bool = False
    ) -> None:
        self._max_depth = max_depth
        self._max_members = max_members
        self._max_string = max_string
        self._max_number = max_number
        self._strict = _LAST if last_counts else _STRICT

    def read(self, document: bytes | str, *, duplicates: bool = False) -> Any:
        """The value. With `duplicates` a member named twice becomes a list of its values, and NaN, Infinity and halves
        of surrogate pairs stand as apps read them; else all of these are refused."""
        text = (decode(document) if isinstance(document, bytes) else document).removeprefix("\ufeff")
        self._measure(text)
        self._measure_tokens(text)
        try:
            value = _value(_LOOSE if duplicates else self._strict, text)
        except Malformed:
            raise
        except json.JSONDecodeError as error:
            raise Malformed(f"the body is not JSON at line {error.lineno}, column {error.colno}") from None
        except ValueError:  # int() refuses more than sys.get_int_max_str_digits() digits
            raise Malformed(TOO_LONG) from None
        except RecursionError:  # nearly no stack was left when the request came; the depth itself was measured
            raise Malformed("the body is nested too deep") from None
        if "\\" in text and not duplicates and ("\\ud" in text or "\\uD" in text):
            _refuse_surrogates(value)
        return value

    def _measure_tokens(self, text: str) -> None:
        """Strings and numbers; in a text that is no longer than they may be there is nothing to measure."""
        size = len(text)
        if self._max_string and size > self._max_string:
            for string in _STRING.finditer(text):
                raw = string.end() - string.start() - 2
                if raw > self._max_string and len(_ESCAPE.sub("x", string[0])) - 2 > self._max_string:
                    raise Malformed(f"the body holds a string of more than {self._max_string} characters")
        most = self._max_number
        # The first count sees digits inside strings too; the second is exact, and seldom needed.
        if not 0 < most < size or _has_breaks(text, most // 2):
            return
        if _longest_number(text) > most and _longest_number(_STRING.sub('"', text)) > most:
            raise Malformed(TOO_LONG)

    def _measure(self, text: str) -> None:
        opened = text.count("[") + text.count("{")
        # Both counts see brackets and commas inside strings too, so they can only overestimate.
        few = opened + text.count(",") < self._max_members
        if opened <= self._max_depth and few:
            return
        if few:
            self._measure_depth(text if _OPEN_BOOK.fullmatch(text) is not None else _without_strings(text))
            return
        structure = _without_strings(text).translate(_SPACE)
        empty = structure.count("[]") + structure.count("{}")
        structure = structure.translate(_NOT_STRUCTURE)
        if structure.count(",") + structure.count("[") + structure.count("{") - empty + 1 > self._max_members:
            raise Malformed(f"the body holds more than {self._max_members} values")
        self._measure_depth(structure)

    def _measure_depth(self, structure: str) -> None:
        brackets = structure.encode("utf-8", "surrogatepass").translate(None, _NO_BRACKETS)
        if max(accumulate(map(_DEPTH.__getitem__, brackets)), default=0) > self._max_depth:
            raise Malformed(f"the body is nested deeper than {self._max_depth} levels")


def _value(decoder: json.JSONDecoder, text: str) -> Any:
    """As `decoder.decode`, which spends a tenth of a small document on white space in front and behind."""
    if text[:1] not in ("{", "["):
        return decoder.decode(text)
    value, end = decoder.raw_decode(text)
    if end != len(text) and (more := text[end:].lstrip(" \t\r\n")):
        raise json.JSONDecodeError("Extra data", text, len(text) - len(more))
    return value


def _has_breaks(text: str, stretch: int) -> bool:
    """Whether every `stretch` of `text` holds what ends a number: what is twice as long holds a whole one."""
    if stretch < 100:
        return False
    starts = range(0, len(text) - stretch + 1, stretch)
    return all(any(text.find(sign, at, at + stretch) >= 0 for sign in ('"', ",", " ")) for at in starts)


def _without_strings(text: str) -> str:
    """`text` with a quote for each string."""
    return _STRING.sub('"', text) if "\\" in text else '"'.join(text.split('"')[::2])


def _longest_number(text: str) -> int:
    return max(map(len, _NUMBER.findall(text)), default=0)


def literals(text: str) -> list[str]:
    """Every string, once, of a text that is not JSON as a whole, its escapes undone where they can be."""
    if "\\" not in text:
        return list(dict.fromkeys(text.split('"')[1::2]))
    found = list(dict.fromkeys(_STRING.findall(text)))
    last = list(map(_undone, found[-1:]))
    try:
        # As one document they take a tenth of the time; the last one may have no end.
        return [*map(str, json.loads(f"[{','.join(found[:-1])}]", strict=False)), *last]
    except ValueError:
        return [*map(_undone, found[:_SINGLY]), *found[_SINGLY:]]


def _undone(literal: str) -> str:
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal.strip('"')


def decode(data: bytes) -> str:
    """The text of UTF-8 bytes without a byte order mark (RFC 8259, 8.1 lets a reader ignore it)."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    return text[1:] if text.startswith("\ufeff") else text


def _refuse_surrogates(value: Any) -> None:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            _refuse_surrogate(item)
        elif isinstance(item, dict):
            rest.extend(item)
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)


def _refuse_surrogate(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("the body holds half a surrogate pair") from None
