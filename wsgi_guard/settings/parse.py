"""From what was written to the value of a key: one parser for each `kind` of `sections.py`.

Pure: no file, no environment. A parser raises ValueError whose arguments are sentences that say what was expected and,
unless the kind is a secret, what was found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field
from ipaddress import ip_network
from typing import Any, TypeVar

from .fields import may_be_empty
from .quantities import count, duration, limits, ratio, size
from .references import CONTROL, secret
from .sections import Network, Threshold
from .target import is_target
from .wording import kind_of, nearest, one_of, shown

T = TypeVar("T")
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110 5.6.2, what a method or header name may be
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # stands in headers, log lines and store keys as it is
LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as NAME, and is one segment of a path
PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]+)+")  # RFC 3986 3.3 without percent signs and parameters
CHECKS = ("system", "disk", "postgres", "redis", "http", "smtp", "file", "certificate")
KEYS = ("ip", "user", "api_key", "endpoint")
THRESHOLD = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*(>=?|<=?)\s*(-?[0-9]{1,15}(?:\.[0-9]{1,9})?)\s*")
LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4})")
OUTCOME = re.compile(r"[1-5][0-9]{2}|[1-5]xx|threat")


def parse(about: Field[Any], value: object) -> Any:
    """The value of the key `about` describes; None when absence is what was written."""
    kind = about.metadata["kind"]
    if about.default is None and value is None:
        return None
    if value == "" and (kind == "path" or (about.default is None and kind in EMPTY_IS_ABSENT)):
        return None
    return PARSERS[kind](value, about)


def from_variable(about: Field[Any], value: object, written: str) -> object:
    """What a variable means for a key: the TOML `value` if the key may hold its type, else the text as it stands."""
    kind = about.metadata["kind"]
    fits = kind not in TEXTUAL or isinstance(value, str) or (kind in LISTS and isinstance(value, list))
    return value if fits else written


def text(value: object, about: object = None) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise ValueError(f"expected a string, not {kind_of(value)}")
    if CONTROL.search(value):
        raise ValueError(f"expected a string without control characters, not {shown(value)}")
    return value


def listing(value: object, one: Callable[[object], T], *, empty: bool = True) -> tuple[T, ...]:
    """Each item of a list parsed, doubles once; a lone text is a list of one. All wrong items are told."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise ValueError(f"expected a string or a list of strings, not {kind_of(value)}")
    if not items and not empty:
        raise ValueError("expected at least one; leave the key out for all")
    found: dict[T, None] = {}
    wrong: list[str] = []
    for item in items:
        try:
            found[one(item)] = None
        except ValueError as error:
            wrong.extend(error.args)
    if wrong:
        raise ValueError(*wrong)
    return tuple(found)


def matching(pattern: re.Pattern[str], expected: str) -> Callable[..., str]:
    def parser(value: object, about: object = None) -> str:
        written = text(value)
        if not pattern.fullmatch(written):
            raise ValueError(f"expected {expected}, not {shown(value)}")
        return written

    return parser


method = matching(TOKEN, "a method such as GET")
header = matching(TOKEN, "a header name such as x-forwarded-for")
name = matching(NAME, "a name of 1 to 64 letters, digits, '_', '.' or '-'")
label = matching(LABEL, "a name of 1 to 64 letters, digits, '_' or '-'")
template = matching(re.compile(r"/[^\s?#]*"), 'a path template such as "/orders/{order_id}"')
pointer = matching(re.compile(r"/.*"), 'a JSON pointer or field name such as "/text"')


def word(value: object, known: Iterable[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise ValueError(f"expected one of {one_of(known)}, not {shown(value)}{nearest(value, known)}")


def choices(value: object, about: Field[Any]) -> tuple[str, ...]:
    return listing(value, lambda item: word(item, about.metadata["choices"]), empty=about.default != ())


def flag(value: object, about: object = None) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, not {shown(value)}")
    return value


def network(value: object) -> Network | str:
    try:
        return "unix" if value == "unix" else ip_network(text(value), strict=False)
    except ValueError:
        raise ValueError(f'expected a network such as "10.0.0.0/8", an address or "unix", not {shown(value)}') from None


def target(value: object, about: object = None) -> str:
    written = text(value)
    if not is_target(written):
        raise ValueError(f"expected module:function, not {shown(value)}")
    return written


def targets(value: object, about: object = None) -> tuple[tuple[str, str], ...]:
    """A table of functions, each under a name of the user's choice."""
    if not isinstance(value, Mapping):
        raise ValueError(f'expected a table of name = "module:function", not {kind_of(value)}')
    return tuple((label(given), target(wanted)) for given, wanted in value.items())


def limit_key(value: object) -> str:
    written = text(value)
    if written in KEYS or is_target(written):
        return written
    start, colon, field_name = written.partition(":")
    if start == "header" and colon and TOKEN.fullmatch(field_name):
        return written.lower()
    raise ValueError(f"expected {', '.join(KEYS)}, header:<name> or module:function, not {shown(value)}")


def outcome(value: object) -> str:
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(written, str) or not OUTCOME.fullmatch(written):
        raise ValueError(f'expected a status such as 401, a class such as "4xx", or "threat", not {shown(value)}')
    return written


def outcomes(value: object, about: object = None) -> tuple[str, ...]:
    items = [value] if isinstance(value, int) and not isinstance(value, bool) else value
    return listing(items, outcome, empty=False)


def cost(value: object, about: Field[Any]) -> int | str:
    if isinstance(value, str):
        return target(value)
    return count(value, about.metadata["low"], about.metadata["high"])


def check(value: object, about: object = None) -> str:
    written = text(value)
    if written in CHECKS or is_target(written):
        return written
    raise ValueError(f"expected {', '.join(CHECKS)} or module:function, not {shown(value)}")


def path(value: object, about: object = None) -> str:
    written = text(value)
    if not PATH.fullmatch(written) or {".", ".."} & set(written.split("/")):
        raise ValueError(f'expected a path such as "/livez", not {shown(value)}')
    return written


def threshold(value: object) -> Threshold:
    match = THRESHOLD.fullmatch(text(value))
    if match is None:
        raise ValueError(f'expected a measure and its bound such as "memory_percent > 85", not {shown(value)}')
    return Threshold(match[1], match[2], float(match[3]))


def listen(value: object, about: object = None) -> str:
    written = text(value)
    match = LISTEN.fullmatch(written)
    if match is None or int(match[2]) > 65535:
        raise ValueError(f'expected an address and a port such as "127.0.0.1:9101" or "[::1]:9101", not {shown(value)}')
    return written


# An overlay or a variable cannot leave a key out, so "" takes back what a weaker source gave.
EMPTY_IS_ABSENT = {"listen", "location", "path", "postgres", "secret", "target"}
# Kinds that are made of texts: a token of digits only is no number.
LISTS = {"choices", "headers", "keys", "limits", "methods", "networks", "templates", "texts", "thresholds"}
TEXTUAL = EMPTY_IS_ABSENT | LISTS | {"check", "choice", "header", "name", "pointer", "store", "template", "text"}
PARSERS: Mapping[str, Callable[[Any, Field[Any]], Any]] = {
    "bytes": lambda value, about: size(value, about.metadata["low"], about.metadata["high"]),
    "check": check,
    "choice": lambda value, about: word(value, about.metadata["choices"]),
    "choices": choices,
    "cost": cost,
    "count": lambda value, about: count(value, about.metadata["low"], about.metadata["high"]),
    "duration": lambda value, about: duration(value, about.metadata["low"], about.metadata["high"]),
    "flag": flag,
    "header": lambda value, about: header(value).lower(),
    "headers": lambda value, about: tuple(item.lower() for item in listing(value, header, empty=may_be_empty(about))),
    "keys": lambda value, about: listing(value, limit_key, empty=False),
    "limits": lambda value, about: limits(value),
    "listen": listen,
    "location": text,
    "methods": lambda value, about: tuple(item.upper() for item in listing(value, method, empty=False)),
    "name": name,
    "networks": lambda value, about: listing(value, network, empty=may_be_empty(about)),
    "outcomes": outcomes,
    "path": path,
    "pointer": pointer,
    "postgres": lambda value, about: secret(value, "postgres"),
    "ratio": lambda value, about: ratio(value, about.metadata["low"], about.metadata["high"]),
    "secret": lambda value, about: secret(value, "secret"),
    "store": lambda value, about: secret(value, "store"),
    "target": target,
    "targets": targets,
    "template": template,
    "templates": lambda value, about: listing(value, template),
    "text": text,
    "texts": lambda value, about: listing(value, text, empty=may_be_empty(about)),
    "thresholds": lambda value, about: listing(value, threshold),
}
