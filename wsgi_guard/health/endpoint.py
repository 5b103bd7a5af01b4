"""Asks another service over HTTP how it is: one GET, the status of the answer, nothing of its body.

Follows no redirect (an answer with 3xx is an answer), uses no proxy of the environment, and says nothing of the URL,
which may hold credentials.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from .decide import FAIL, PASS, Reading

if TYPE_CHECKING:
    import ssl


def endpoint(url: str) -> Callable[[float], Reading]:
    """A check of `url`; ValueError, without the URL in it, when it is none that can be asked."""
    parts = _parts(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "wsgi_guard", "Accept": "*/*", "Connection": "close", **_credentials(parts)}
    connect = _connector(parts)

    def run(timeout: float) -> Reading:
        connection = connect(timeout)
        try:
            connection.request("GET", target, headers=headers)
            code = connection.getresponse().status
        finally:
            connection.close()
        return Reading(PASS if 200 <= code < 400 else FAIL, "" if 200 <= code < 400 else f"answered {code}",
                       {"status_code": code})  # fmt: skip

    return run


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError("url is not a URL") from None
    if parts.scheme not in ("http", "https") or not named:
        raise ValueError("url is not an http:// or https:// URL with a host")
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("url holds a character that must be percent-encoded")
    return parts


def _credentials(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode("ascii")}


def _connector(parts: SplitResult) -> Callable[[float], HTTPConnection]:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return lambda timeout: HTTPConnection(host, port, timeout=timeout)
    contexts: list[ssl.SSLContext] = []

    def connect(timeout: float) -> HTTPConnection:
        if not contexts:
            contexts.append(_trust())
        return HTTPSConnection(host, port, timeout=timeout, context=contexts[0])

    return connect


def _trust() -> ssl.SSLContext:
    """The system's certificates, read once by the first run: that takes some 20 ms."""
    import ssl

    return ssl.create_default_context()
