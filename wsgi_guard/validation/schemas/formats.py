"""The formats of JSON Schema that are asserted, each as a check that takes linear time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from jsonschema import FormatChecker

from .international import is_idn_hostname, plain_local, plain_uri
from .patterns import ecma
from .properties import members, named

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.A)
# RFC 3339 5.6; a leap second is checked by `_is_leap_second`.
_TIME = re.compile(
    r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.\d+)?(?:z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.A | re.I
)
# Nearly every date and time there is: one expression, where the rest takes some.
_PLAIN_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
_PLAIN_DATE_TIME = re.compile(
    _PLAIN_DATE + r"[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d++)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.A
)
_DURATION = re.compile(
    r"P(?:\d+W|(?=\d|T\d)(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?"
    r"(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)",
    re.A,
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.I)
# The same for addresses of at most 64 characters.
_PLAIN_ADDRESS = re.compile(rf"[\w+-]++(?:\.[\w+-]++)*+@(?:{_LABEL.pattern}\.)*{_LABEL.pattern}", re.A | re.I)
_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.A)
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"')
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
# RFC 3986: what may stand anywhere, an escape being "%" and two digits.
_URI_TEXT = re.compile(r"(?:[\w\-.~:/?@!$&'()*+,;=]|%[0-9a-f]{2})*", re.A | re.I)
_PORT = re.compile(r"[0-9]*")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_RELATIVE_POINTER = re.compile(r"(?:0|[1-9]\d*)(?:#|(?:/(?:[^~/]|~[01])*)*)", re.A)
_INLINE_FLAGS = re.compile(r"\(\?[a-zA-Z-]")
# Compiling is not linear for every pattern; nobody sends longer ones.
_LONGEST_REGEX = 1000
_TEMPLATE = re.compile(
    r"(?:[^\x00-\x20\"'<>%\\^`{|}]|%[0-9a-f]{2}|"
    r"\{[+#./;?&=,!@|]?(?:\w|%[0-9a-f]{2})[\w.%]*(?::[1-9]\d{0,3}|\*)?(?:,(?:\w|%[0-9a-f]{2})[\w.%]*(?::[1-9]\d{0,3}|\*)?)*\})*",
    re.A | re.I,
)  # fmt: skip


def is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    try:
        date(*map(int, found.groups()))
    except ValueError:
        # year 0000 is a date of RFC 3339 but not of Python's calendar; it is a leap year like 2000
        return found[1] == "0000" and is_date("2000" + text[4:])
    return True


def is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    return found is not None and (found[3] != "60" or _is_leap_second(found))


def _is_leap_second(found: re.Match[str]) -> bool:
    """A 60th second is only right at 23:59 UTC."""
    offset = (int(found[5]) * 60 + int(found[6])) * (1 if found[4] == "+" else -1) if found[4] else 0
    return (int(found[1]) * 60 + int(found[2]) - offset) % 1440 == 1439


def is_date_time(text: str) -> bool:
    if _PLAIN_DATE_TIME.fullmatch(text) is not None:
        return True
    return text[10:11] in ("T", "t") and is_date(text[:10]) and is_time(text[11:])


def is_email(text: str) -> bool:
    """RFC 5321 4.1.2, at most 254 characters (RFC 3696 erratum 1690)."""
    if len(text) <= 64 and _PLAIN_ADDRESS.fullmatch(text) is not None:
        return True
    return _is_address(text, is_hostname)


def _is_address(text: str, is_domain: Callable[[str], bool]) -> bool:
    local, sign, domain = text.rpartition("@")
    if not sign or not local or len(text) > 254 or len(local) > 64:
        return False
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        return is_ipv6(literal[5:]) if literal.lower().startswith("ipv6:") else is_ipv4(literal)
    return is_domain(domain) and (_ATOM.fullmatch(local) or _QUOTED.fullmatch(local)) is not None


def is_idn_email(text: str) -> bool:
    """RFC 6531 3.3; the lengths of RFC 5321 count bytes."""
    local, sign, domain = text.rpartition("@")
    if len(text) > 254 or len(text.encode("utf-8", "replace")) > 254 or len(local.encode("utf-8", "replace")) > 64:
        return False
    return _is_address(plain_local(local) + sign + domain, is_idn_hostname)


def is_hostname(text: str) -> bool:
    """RFC 1123 2.1: labels of 1 to 63 characters, 253 in all."""
    return len(text) <= 253 and all(_LABEL.fullmatch(label) is not None for label in text.split("."))


def is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return text.isascii()


def is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return text.isascii() and "%" not in text


def is_uri_reference(text: str) -> bool:
    """RFC 3986 4.1."""
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    rest, _, fragment = rest.partition("#")
    if rest.startswith("//"):
        authority = re.split(r"[/?]", rest[2:], maxsplit=1)[0]
        rest = rest[2 + len(authority) :]
        if not _is_authority(authority):
            return False
    elif not scheme and ":" in re.split(r"[/?]", rest, maxsplit=1)[0]:
        return False
    return _URI_TEXT.fullmatch(rest) is not None and _URI_TEXT.fullmatch(fragment) is not None


def _is_authority(text: str) -> bool:
    user, _, host = text.rpartition("@")
    if host.startswith("["):
        literal, closed, port = host[1:].partition("]")
        if not closed or not is_ipv6(literal) or (port and not port.startswith(":")):
            return False
        host, port = "", port[1:]
    else:
        host, _, port = host.partition(":")
    plain = (_URI_TEXT.fullmatch(user), _URI_TEXT.fullmatch(host), _PORT.fullmatch(port))
    return None not in plain and "@" not in user


def is_uri(text: str) -> bool:
    return _SCHEME.match(text) is not None and is_uri_reference(text)


def is_iri(text: str) -> bool:
    """RFC 3987 2.2."""
    return is_uri(plain_uri(text))


def is_iri_reference(text: str) -> bool:
    return is_uri_reference(plain_uri(text))


def is_regex(text: str) -> bool:
    """ECMA-262 as far as Python shares it. Inline flags are not ECMA-262, and `(?i)` over a wide class takes `re` a
    third of a second to compile."""
    if len(text) > _LONGEST_REGEX or _INLINE_FLAGS.search(text):
        return False
    # The classes of properties are long; that they are known will do.
    return pattern_problem(text, named) is None


def is_pattern(text: str) -> bool:
    """Whether the author of a schema can be given `text` as a pattern."""
    return pattern_problem(text) is None


def pattern_problem(text: str, property_of: Callable[[str], str] = members) -> str | None:
    """Why `text` is no pattern, if it is none."""
    try:
        re.compile(ecma(text, property_of))
    except (re.error, OverflowError, ValueError, Warning) as error:
        return str(error)
    except RecursionError:
        return "is nested too deep"
    return None


def _full(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "date-time": is_date_time,
    "duration": _full(_DURATION),
    "email": is_email,
    "hostname": is_hostname,
    "idn-email": is_idn_email,
    "idn-hostname": is_idn_hostname,
    "ipv4": is_ipv4,
    "ipv6": is_ipv6,
    "iri": is_iri,
    "iri-reference": is_iri_reference,
    "json-pointer": _full(_POINTER),
    "regex": is_regex,
    "relative-json-pointer": _full(_RELATIVE_POINTER),
    "time": is_time,
    "uri": is_uri,
    "uri-reference": is_uri_reference,
    "uri-template": _full(_TEMPLATE),
    "uuid": _full(_UUID),
}
# A text in one of these formats holds nothing that any class of attack needs.
PINNED = frozenset({"date", "date-time", "duration", "ipv4", "ipv6", "time", "uuid"})


def checker(formats: Mapping[str, Callable[[str], bool]] = FORMATS) -> FormatChecker:
    """A FormatChecker that asserts `formats` and leaves what is not a string to `type`."""
    found = FormatChecker(())
    for name, check in formats.items():
        found.checks(name)(_strings_only(check))
    return found


def _strings_only(check: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, str) or check(value)
