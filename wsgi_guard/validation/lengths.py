"""How long the URL and the headers of a request may be; servers and proxies bound both, each at its own length."""

from __future__ import annotations

from typing import Any

from wsgi_guard.settings.sections import GuardSection, ValidationSection

from .decide import Denial

# Twice what nginx and Apache take of a request line (8 KiB), and twice nginx's four buffers of 8 KiB for headers: a
# request that any of them lets through meets neither.
_URL = 16 * 1024
_HEADERS = 64 * 1024
# The colon, space and line break of each header on the wire.
_AROUND = 4


class Lengths:
    """The limits that hold: what the settings say, else the built-in ones where guard.defaults are enforced."""

    def __init__(self, section: ValidationSection, guard: GuardSection) -> None:
        enforced = guard.defaults == "enforce"
        self._url = section.max_url or (_URL if enforced else None)
        self._headers = section.max_headers or (_HEADERS if enforced else None)

    @property
    def any(self) -> bool:
        return self._url is not None or self._headers is not None

    def check(self, environ: dict[str, Any]) -> None:
        """Raises Denial: 414 for the URL, 431 for the headers."""
        if self._url is not None and _url(environ) > self._url:
            raise Denial(414, f"the URL of the request may have at most {self._url} bytes", "url", part="path")
        if self._headers is not None and _headers(environ) > self._headers:
            said = f"the headers of the request may have at most {self._headers} bytes"
            raise Denial(431, said, "headers", part="headers")


def _url(environ: dict[str, Any]) -> int:
    """Bytes of the request target: as it was sent where the server tells, else without its escapes in the path."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if isinstance(raw, str):
        return len(raw)
    parts = (environ.get("SCRIPT_NAME"), environ.get("PATH_INFO"), environ.get("QUERY_STRING"))
    return sum(len(part) + 1 for part in parts if isinstance(part, str) and part)


def _headers(environ: dict[str, Any]) -> int:
    total = 0
    for name, value in environ.items():
        if name[:5] == "HTTP_" and type(value) is str:
            total += len(name) - 5 + len(value) + _AROUND
    return total
