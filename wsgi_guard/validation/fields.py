"""Names and values of query strings, urlencoded forms and cookies, decoded once.

A name may repeat; nothing is dropped, so nobody reads another value than the one that was judged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from .parse import Malformed
from .threats.normalise import undo_overlong, unquoted
from .threats.screen import is_plain

Fields = list[tuple[str, str]]
_NAME = itemgetter(0)


def parse_fields(text: str, limit: int | None, *, errors: str = "strict", encoding: str = "utf-8") -> Fields:
    """Pairs of `a=1&b=2` in order; an escape that is none stays as it stands.

    `text` is ASCII or already decoded, `encoding` is that of the escapes. Raises Malformed for more than `limit` pairs
    (None: as many as there are), and under "strict" for bytes that are not UTF-8.
    """
    if limit is not None and text.count("&") >= limit:
        raise Malformed(f"there are more than {limit} fields")
    if "%" not in text and "+" not in text:
        return [(name, value) for name, _, value in (item.partition("=") for item in text.split("&") if item)]
    items = list(filter(None, text.split("&")))
    # Long forms repeat their fields.
    known = _Pairs(errors, encoding)
    return [known[item] for item in items]


class _Pairs(dict[str, tuple[str, str]]):
    """Fields as they read, each undone once."""

    def __init__(self, errors: str, encoding: str) -> None:
        super().__init__()
        self._texts = _Unquoted(errors, encoding)

    def __missing__(self, item: str) -> tuple[str, str]:
        name, _, value = item.partition("=")
        found = self[item] = self._texts[name], self._texts[value]
        return found


class _Unquoted(dict[str, str]):
    """Names and values as they read, each undone once."""

    def __init__(self, errors: str, encoding: str) -> None:
        super().__init__()
        self._errors, self._encoding = errors, encoding

    def __missing__(self, text: str) -> str:
        found = self[text] = _unquote(text, self._errors, self._encoding)
        return found


def _unquote(text: str, errors: str, encoding: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    if errors == "replace" and encoding == "utf-8":
        text = undo_overlong(text)
    try:
        return unquoted(text, encoding, errors)
    except UnicodeDecodeError:
        raise Malformed("a field is not UTF-8") from None


def native(text: str, *, errors: str = "strict") -> str:
    """Text of the environ, where each character stands for a byte (PEP 3333), as the UTF-8 it was sent as."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8", errors)
    except UnicodeError:
        if errors == "strict":
            raise Malformed("a field is not UTF-8") from None
        return text


def parse_cookies(header: str, limit: int) -> Fields:
    """Pairs of a Cookie header as RFC 6265 5.4 sends them; quotes around a value are not part of it."""
    if header.count(";") >= limit:
        raise Malformed(f"there are more than {limit} cookies")
    found = []
    for item in header.split(";"):
        name, sign, value = item.partition("=")
        if sign and name.strip():
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] == '"'
            found.append((name.strip(), value[1:-1] if quoted else value))
    return found


def as_object(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Each name with its value, or with the list of its values where it repeats."""
    found: dict[str, Any] = {}
    for name, value in fields:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def check_length(fields: Iterable[tuple[str, str]], limit: int) -> None:
    """Raises Malformed for a name or value of more than `limit` characters."""
    if any(len(name) > limit or len(value) > limit for name, value in fields):
        raise Malformed(f"a field has more than {limit} characters")


def rejoined(query: Fields) -> Fields:
    """As `joined` for values within one query, of names with two that are more than plain words, as halves are."""
    telling = Counter(name for name, value in query if not is_plain(value))
    return joined([], [field for field in query if telling[field[0]] > 1])


def joined(query: Fields, body: Fields) -> Fields:
    """For each name of the body with several values, those of the query included, what apps make of them as one text.

    Frameworks that join repeated values do so with a comma; code that adds them up, with nothing.
    """
    names = set(map(_NAME, body))
    if len(names) == len(body) and names.isdisjoint(map(_NAME, query)):
        return []
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in (*query, *body):
        values[name].append(value)
    several = sorted(name for name in names if len(values[name]) > 1)
    return [(name, glue.join(values[name])) for name in several for glue in ("", ",")]
