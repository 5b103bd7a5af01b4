"""Asks another service over HTTP how it is: one GET, the status of the answer, nothing of its body.

Follows no redirect (an answer with 3xx is an answer), uses no proxy of the environment, and says nothing of the URL,
which may hold credentials.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from urllib.parse import SplitResult, unquote

from wsgi_guard.fetch import exchange, parts_of

from .decide import FAIL, PASS, Reading


def endpoint(url: str) -> Callable[[float], Reading]:
    """A check of `url`; ValueError, without the URL in it, when it is none that can be asked."""
    parts = _parts(url)
    headers = {"User-Agent": "wsgi_guard", "Accept": "*/*", **_credentials(parts)}

    def run(timeout: float) -> Reading:
        context = _trust() if parts.scheme == "https" else None
        code = exchange(parts, headers, timeout, context=context, largest=0).status
        return Reading(PASS if 200 <= code < 400 else FAIL, "" if 200 <= code < 400 else f"answered {code}",
                       {"status_code": code})  # fmt: skip

    return run


def _parts(url: str) -> SplitResult:
    try:
        parts = parts_of(url)
    except ValueError:
        raise ValueError("url is not an http:// or https:// URL with a host") from None
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("url holds a character that must be percent-encoded")
    return parts


def _credentials(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode("ascii")}


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, read once by the first run: that takes some 20 ms."""
    return ssl.create_default_context()
