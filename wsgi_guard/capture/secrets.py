"""The secrets that a request brought along: cookies, and what stands under secret names in headers, query and body.

They are taken out of all that is told about the request, wherever they turn up: an exception text may repeat a token
without the name that gave it away. No body is read for this; one that the guard has in memory is looked through.
"""

from __future__ import annotations

import json
import re
from binascii import Error, a2b_base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote

from wsgi_guard.redact import Redactor

SHORTEST = 6
"""Characters; what is shorter may be a word of any text."""
MOST = 50
LONGEST = 4_096
ALL = 16 * 1024
"""Characters of all of them together; a server takes 8 KB of cookies, and each costs a search in all that is told."""
BODY = 256 * 1024
"""Bytes of a body already in memory that are looked through, in about 3 ms."""

# The head of a multipart field (RFC 7578, 4.2): its name, then an empty line.
_FIELD = re.compile(r'[; ]name="([^"\r\n]{1,200})"[^\r\n]*+\r\n(?:[^\r\n]++\r\n){0,8}\r\n')

# A name and its text in JSON that need not be whole; both bounded, for any quote may begin a string that has no end.
_PAIR = re.compile(r'"([^"\\]{1,100})"\s{0,9}:\s{0,9}"((?:[^"\\]|\\.){0,4096})', re.DOTALL)


def secrets_of(environ: Mapping[str, Any], redactor: Redactor) -> tuple[str, ...]:
    """The values, longest first, so that none is cut by another that is a part of it."""
    found: dict[str, None] = {}
    try:
        for value in _values(environ, redactor):
            for text in (value.strip(), unquote(value).strip(), _as_utf8(value).strip()):
                if SHORTEST <= len(text) <= LONGEST:
                    found[text] = None
            if len(found) >= MOST or sum(map(len, found)) > ALL:
                break
    except Exception:
        # A query or body that nobody can read: what was found until then counts.
        return tuple(sorted(found, key=len, reverse=True))
    return tuple(sorted(found, key=len, reverse=True))


def _values(environ: Mapping[str, Any], redactor: Redactor) -> Iterator[str]:
    for name, value in list(environ.items()):
        if not name.startswith("HTTP_") or not isinstance(value, str):
            continue
        if name != "HTTP_COOKIE" and redactor.secret_name(name[5:]):
            yield from _credentials(value)
    query = environ.get("QUERY_STRING")
    if isinstance(query, str) and query:
        yield from _fields(query[: 2 * LONGEST], redactor)
    yield from _body(environ, redactor)
    # Last: there may be more of them than are kept, and most mean nothing.
    cookies = environ.get("HTTP_COOKIE")
    for pair in cookies.split(";")[:MOST] if isinstance(cookies, str) else ():
        yield pair.partition("=")[2].strip(' "')


def _as_utf8(value: str) -> str:
    """A header as it was meant, if it was; the environ has its bytes as Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _credentials(value: str) -> Iterator[str]:
    """The value of a secret header, what follows a scheme in it, and the password of Basic (RFC 7617, 2)."""
    yield value
    scheme, _, rest = value.strip().partition(" ")
    yield rest
    if scheme.lower() == "basic":
        try:
            yield a2b_base64(rest[:LONGEST]).decode("utf-8", "replace").partition(":")[2]
        except (Error, ValueError):
            return


def _fields(text: str, redactor: Redactor) -> Iterator[str]:
    for name, value in parse_qsl(text, max_num_fields=1000):
        if redactor.secret_name(name):
            yield value


def _body(environ: Mapping[str, Any], redactor: Redactor) -> Iterator[str]:
    """What a body holds under secret names, if the guard has it in memory; reading it takes nothing from the app."""
    stream = environ.get("wsgi.input")
    if type(stream) is not BytesIO:
        return
    text = bytes(stream.getbuffer()[:BODY]).decode("utf-8", "replace")
    kind = str(environ.get("CONTENT_TYPE", "")).lower()
    if "urlencoded" in kind:
        yield from _fields(text, redactor)
    elif "multipart/" in kind:
        for field in _FIELD.finditer(text):
            if redactor.secret_name(field[1]):
                yield text[field.end() : field.end() + LONGEST].partition("\r\n--")[0]
    elif "json" in kind:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            # Broken, or longer than what is looked through.
            yield from _pairs(text, redactor)
        else:
            yield from _leaves(document, redactor, secret=False)


def _pairs(text: str, redactor: Redactor) -> Iterator[str]:
    for name, value in _PAIR.findall(text):
        if redactor.secret_name(name):
            yield value
            with suppress(ValueError):
                yield str(json.loads(f'"{value}"'))


def _leaves(value: Any, redactor: Redactor, *, secret: bool) -> Iterator[str]:
    waiting = [(value, secret)]
    while waiting:
        value, secret = waiting.pop()
        if isinstance(value, dict):
            waiting += [(item, secret or redactor.secret_name(str(name))) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [(item, secret) for item in value]
        elif secret and isinstance(value, str | int):
            # A number too: codes that are sent by mail or telephone are such.
            yield str(value)
