"""One HTTP exchange with a server that was named, over within the time given whatever the server does.

Follows no redirect and uses no proxy of the environment: a token goes where it was meant to go. TLS is verified, to the
server itself where a proxy is named.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Mapping
from email.message import Message
from errno import ECONNREFUSED
from http.client import HTTP_PORT, HTTPConnection, HTTPException, HTTPSConnection
from socket import socket
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from .deadline import Line, described, within
from .errors import GuardError

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer's body that are read, unless the caller wants less."""
LONGEST_HEAD = 8192


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
    proxy: str | None = None,
) -> Answer:
    """The answer of `url`, http:// or https://, to a GET, or to a POST of `body`, which is JSON; by way of `proxy`.

    Raises ValueError for another URL, and GuardError, with nothing of the URL or of what the server sent in its text,
    when there is no answer within `timeout` seconds.
    """
    parts = parts_of(url)
    try:
        return exchange(parts, headers, timeout, body, context=context, largest=largest, proxy=proxy)
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
    proxy: str | None = None,
) -> Answer:
    """As `fetch`, for a URL that `parts_of` took, but raises OSError, HTTPException and ValueError as they come."""
    host, path = parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Connection": "close"} if body is None else {"Connection": "close", "Content-Type": "application/json"}
    via = parts_of(proxy) if proxy else None
    if via is not None and parts.scheme == "http":
        # RFC 9112, 3.2.2: a proxy is asked for the whole address.
        path = f"http://{parts.netloc.rpartition('@')[2]}{path}"
        sent |= _login(via)

    def talk(line: Line) -> Answer:
        secure = parts.scheme == "https"
        trust = (context or ssl.create_default_context()) if secure else None
        connection = HTTPSConnection(host, parts.port, context=trust) if secure else HTTPConnection(host, parts.port)
        plain = _opened(line, host, connection.port, via)
        connection.sock = plain
        try:
            if trust is not None:
                if via is not None:
                    _tunnel(plain, host, connection.port, via)
                connection.sock = trust.wrap_socket(plain, server_hostname=host)
            connection.request("GET" if body is None else "POST", path, body, {**sent, **headers})
            # It may outlive its connection: closing that alone leaves the socket open where reading failed.
            with connection.getresponse() as answer:
                return Answer(answer.status, answer.headers, answer.read(largest))
        finally:
            connection.close()

    return within(timeout, talk)


def _opened(line: Line, host: str, port: int, via: SplitResult | None) -> socket:
    return line.open(host, port) if via is None else line.open(via.hostname or "", via.port or HTTP_PORT)


def _tunnel(plain: socket, host: str, port: int, via: SplitResult) -> None:
    """Has the proxy connect to the server (RFC 9110, 9.3.6). Raises OSError where it does not."""
    there = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    fields = {"Host": there, **_login(via)}
    head = [f"CONNECT {there} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    plain.sendall("\r\n".join(head).encode("ascii"))
    told = b""
    # Nobody speaks before we do once it stands, so nothing of the server's is read here.
    while b"\r\n\r\n" not in told:
        piece = plain.recv(4096)
        told += piece
        if not piece or len(told) > LONGEST_HEAD:
            break
    status = told[9:12].decode("ascii", "replace")
    if not told.startswith(b"HTTP/1.") or not status.isdigit() or status[0] != "2":
        raise OSError(ECONNREFUSED, f"the proxy answered {status}" if status.isdigit() else "the proxy does not answer")


def _login(via: SplitResult) -> dict[str, str]:
    if via.username is None:
        return {}
    pair = f"{unquote(via.username)}:{unquote(via.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
