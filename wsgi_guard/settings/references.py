"""Secrets: what a secret key may hold, and where "env:NAME" and "file:/path" lead.

No sentence here repeats what was found: it names the variable or the file, and says what was expected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from .secret import Secret
from .wording import kind_of

CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
SPACE = re.compile(r"\s")
LARGEST_FILE = 64 * 1024  # bytes: a secret is a line, and a path may lead to a device that never ends
POSTGRES = ("postgres", "postgresql", "postgis")
REDIS = (
    "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
)  # fmt: skip
VALKEY = {"valkey": "redis", "valkeys": "rediss"}


class Reference(NamedTuple):
    """A secret that stands elsewhere; followed only once it is known that no stronger source overrides it."""

    text: str


def secret(value: object, kind: str) -> Secret | Reference:
    """What a key of kind secret, store or postgres holds."""
    if not isinstance(value, str):
        raise ValueError(f"expected a string, not {kind_of(value)}")
    if value.startswith(("env:", "file:")):
        return Reference(value)
    return _checked(value, kind)


def follow(reference: Reference, kind: str, environ: Mapping[str, str], folder: str) -> Secret:
    """The secret a reference leads to; a relative file is sought in `folder`."""
    if reference.text.startswith("file:"):
        return _checked(_from_file(os.path.join(folder, reference.text[len("file:") :])), kind)
    match = VARIABLE.fullmatch(reference.text)
    if not match:
        raise ValueError("expected env:NAME or file:/path")
    found = environ.get(match[1])
    if not found:
        raise ValueError(f"variable {match[1]} is {'not set' if found is None else 'empty'}")
    return _checked(found, kind)


def scheme_of(url: str) -> str:
    """What stands before "://", lower-cased; "" when nothing does."""
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark else ""


def is_postgres(url: str) -> bool:
    """Whether a URL means Postgres; SQLAlchemy writes its driver into the scheme, as postgresql+psycopg2."""
    return scheme_of(url).split("+")[0] in POSTGRES


def _from_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"file {path!r} cannot be read: {reason(error)}") from None
    if len(content) > LARGEST_FILE:
        raise ValueError(f"file {path!r} is larger than {LARGEST_FILE} bytes")
    try:
        found = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"file {path!r} is not UTF-8 text") from None
    if not found:
        raise ValueError(f"file {path!r} is empty")
    return found


def reason(error: Exception) -> str:
    """Why a file could not be opened, without its name."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _checked(text: str, kind: str) -> Secret:
    if CONTROL.search(text):
        raise ValueError("expected a line of text without control characters")
    if kind == "store":
        return Secret(_store(text))
    if kind == "postgres":
        return Secret(_postgres(text))
    return Secret(text)


def _store(text: str) -> str:
    if text in ("auto", "memory", "shared"):
        return text
    if text == "memory://":  # as RATE_LIMIT_STORAGE_URL is written elsewhere
        return "memory"
    if text.startswith("shared:"):
        return _shared(text)
    # redis-py knows these schemes in lower case only.
    scheme = VALKEY.get(scheme_of(text), scheme_of(text))
    if scheme not in REDIS or SPACE.search(text):
        starts = "redis://, rediss://, valkey://, valkeys://, unix://, redis+sentinel:// or redis+cluster://"
        raise ValueError(f"expected auto, memory, shared, shared:/path, or a URL that starts with {starts}")
    if scheme != "unix":
        _check_ports(text)
    return f"{scheme}://{text.partition('://')[2]}"


def _shared(text: str) -> str:
    path = text.partition(":")[2]
    if not path.startswith("/") or path.startswith("//") or path.endswith("/"):
        raise ValueError("expected shared:/path with the absolute path of a file")
    return text


def _postgres(text: str) -> str:
    if not is_postgres(text) or SPACE.search(text):
        raise ValueError("expected a URL that starts with postgresql://")
    _check_ports(text)
    return f"postgresql://{text.partition('://')[2]}"


def _check_ports(url: str) -> None:
    """ValueError if what follows a host's colon cannot be a port; libpq takes several hosts, joined by commas."""
    authority = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]
    for host in authority.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            raise ValueError("expected a port of 1 to 65535 after the host's colon")
