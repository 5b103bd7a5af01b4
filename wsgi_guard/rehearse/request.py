"""A request that is not being served: as an operator writes it or a log kept it, and the environ it makes.

Nothing here decides; what the text of a request may not be is said with ValueError.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from wsgi_guard.facts import Environ

METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
"""A token of RFC 9110, 5.6.2; methods beyond 40 characters are nobody's."""

OWN_KEYS = {"CONTENT_TYPE", "CONTENT_LENGTH"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """`target` as on the wire, path and query. `at` is Unix time in seconds and `duration` seconds.

    `body` is None where nobody kept it, `status` 0 where nobody answered. `scheme` as in "https".
    """

    method: str
    target: str
    client: str = ""
    identity: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    at: float = 0.0
    duration: float = 0.0
    status: int = 0
    request_id: str = ""
    scheme: str = "http"


def environ_of(request: Recorded) -> Environ:
    """The environ that a server would make of it (PEP 3333)."""
    path, _, query = request.target.partition("?")
    body = request.body or b""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.target,
        "REMOTE_ADDR": request.client,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443" if request.scheme == "https" else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if request.identity:
        environ["REMOTE_USER"] = request.identity
    environ.update(_header_keys(request.headers))
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _header_keys(headers: Iterable[tuple[str, str]]) -> Environ:
    found: dict[str, Any] = {}
    for name, value in headers:
        key = name.upper().replace("-", "_")
        key = key if key in OWN_KEYS else f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ","
        found[key] = f"{found[key]}{joint}{value}" if key in found else value
    return found


def of_flags(
    url: str, *, method: str | None = None, headers: Sequence[str] = (), data: bytes | None = None,
    client: str = "127.0.0.1", identity: str = "",
) -> Recorded:  # fmt: skip
    """A request as curl would send it. Raises ValueError for what is none."""
    parts = urlsplit(url if "://" in url else f"http://localhost{'' if url.startswith('/') else '/'}{url}")
    if parts.scheme not in ("http", "https"):
        raise ValueError("expected a URL of http or https, or a path")
    pairs = [_pair(line) for line in headers]
    names = {name.lower() for name, _ in pairs}
    if data is not None and "content-type" not in names:
        pairs.append(("Content-Type", "application/x-www-form-urlencoded"))
    if "host" not in names:
        pairs.append(("Host", parts.netloc))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    verb = method or ("GET" if data is None else "POST")
    return checked(Recorded(verb, wire(target), client, identity, tuple(pairs), data or b"", scheme=parts.scheme))


def of_raw(data: bytes, *, client: str = "127.0.0.1", identity: str = "") -> Recorded:
    """A request as it stood on the wire: request line, header lines, an empty line, the body.

    Lines may end in LF alone, as editors save them. Raises ValueError for what is none.
    """
    head, gap, body = data.partition(b"\r\n\r\n")
    if not gap:
        head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").replace("\r\n", "\n").split("\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/"):
        raise ValueError("expected a request line such as 'GET /path HTTP/1.1' as the first line of the file")
    target = parts[1]
    if "://" in target:
        split = urlsplit(target)
        target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    headers = tuple(_pair(line) for line in lines if line)
    return checked(Recorded(parts[0], target, client, identity, headers, body))


def checked(request: Recorded) -> Recorded:
    if not METHOD.fullmatch(request.method):
        raise ValueError("expected a method such as GET or POST")
    if not request.target.startswith("/") and request.target != "*":
        raise ValueError("expected a path that starts with / as the target of the request")
    return request


def wire(text: str) -> str:
    """Text as an operator types it, in the characters of an environ: each stands for a byte of its UTF-8."""
    return text if text.isascii() else text.encode().decode("latin-1")


def _pair(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not METHOD.fullmatch(name.strip()):
        raise ValueError("expected a header as 'Name: value'")
    return name.strip(), wire(value.strip())
