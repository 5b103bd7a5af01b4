"""One HTTP exchange with a server that was named, over within the time given whatever the server does.

Follows no redirect and uses no proxy of the environment: a token goes where it was meant to go. TLS is verified.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from .deadline import Line, described, within
from .errors import GuardError

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer's body that are read, unless the caller wants less."""


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes

    @property
    def type(self) -> str:
        """The media type, without parameters."""
        return self.headers.get_content_type()


def fetch(
    url: str,
    headers: Mapping[str, str],
    timeout: float,
    body: bytes | None = None,
    *,
    context: ssl.SSLContext | None = None,
    largest: int = LARGEST,
) -> Answer:
    """The answer of `url`, http:// or https://, to a GET, or to a POST of `body`, which is JSON.

    Raises ValueError for another URL, and GuardError, with nothing of the URL or of what the server sent in its text,
    when there is no answer within `timeout` seconds.
    """
    parts = parts_of(url)
    try:
        return exchange(parts, headers, timeout, body, context=context, largest=largest)
    except TimeoutError:
        raise GuardError(f"no answer within {timeout:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        raise GuardError(f"no answer of a server: {described(error)}") from None


def parts_of(url: str) -> SplitResult:
    """Raises ValueError unless it is http:// or https:// and names a host."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named or parts.scheme not in ("http", "https"):
        raise ValueError("expected a URL that starts with http:// or https:// and names a host")
    return parts


def exchange(
    parts: SplitResult,
    headers: Mapping[str, str],
    timeout: float,
    body: bytes | None = None,
    *,
    context: ssl.SSLContext | None = None,
    largest: int = LARGEST,
) -> Answer:
    """As `fetch`, for a URL that `parts_of` took, but raises OSError, HTTPException and ValueError as they come."""
    host, path = parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Connection": "close"} if body is None else {"Connection": "close", "Content-Type": "application/json"}

    def talk(line: Line) -> Answer:
        connection: HTTPConnection
        if parts.scheme == "https":
            trust = context or ssl.create_default_context()
            connection = HTTPSConnection(host, parts.port, context=trust)
            connection.sock = trust.wrap_socket(line.open(host, connection.port), server_hostname=host)
        else:
            connection = HTTPConnection(host, parts.port)
            connection.sock = line.open(host, connection.port)
        try:
            connection.request("GET" if body is None else "POST", path, body, {**sent, **headers})
            # It may outlive its connection: closing that alone leaves the socket open where reading failed.
            with connection.getresponse() as answer:
                return Answer(answer.status, answer.headers, answer.read(largest))
        finally:
            connection.close()

    return within(timeout, talk)
