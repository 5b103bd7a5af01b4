"""Requests with bodies: what the app reads of them, and what it finds in the environ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .events import tell
from .routing import PLAIN, Environ, query, route

JSON = ("Content-Type", "application/json")


def pieces(environ: Environ, size: int = 65536) -> Iterator[bytes]:
    """The body: to its length, or to its end where the server says that there is one."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH") or ""
    if environ.get("wsgi.input_terminated"):
        while data := stream.read(size):
            yield data
    elif length.isdigit():
        left = int(length)
        while left and (data := stream.read(min(size, left))):
            left -= len(data)
            yield data


def answer(start_response: Any, document: Any) -> Iterable[bytes]:
    body = json.dumps(document, sort_keys=True).encode()
    start_response("200 OK", [JSON, ("Content-Length", str(len(body)))])
    return [body]


@route("/echo")
def echo(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Digest and size of the body; the sizes of pieces are the server's affair."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces(environ):
        digest.update(piece)
        size += len(piece)
    keys = ("REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "wsgi.input_terminated")
    return answer(
        start_response, {"sha256": digest.hexdigest(), "size": size, **{key: environ.get(key) for key in keys}}
    )


@route("/lines")
def lines(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """A line, some bytes, a line, a line: a stream is more than `read(n)`, and some block at their end."""
    stream = environ["wsgi.input"]
    parts = [stream.readline(), stream.read(3), next(iter(stream)), *stream.readlines(1)]
    return answer(start_response, [part.decode("latin-1") for part in parts])


@route("/partly")
def partly(environ: Environ, start_response: Any) -> Iterable[bytes]:
    return answer(start_response, environ["wsgi.input"].read(10).decode("latin-1"))


@route("/unread")
def unread(environ: Environ, start_response: Any) -> Iterable[bytes]:
    tell(query(environ, "token"), "answered unread")
    return answer(start_response, "unread")


@route("/environ")
def types_in_environ(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Every key with the type of its value, and the value where two requests have it the same."""
    differ = {"REMOTE_PORT", "HTTP_HOST", "SERVER_PORT", "wsgi.errors"}
    document = {}
    for key, value in environ.items():
        plain = isinstance(value, str | int | bool | tuple) and key not in differ
        document[str(key)] = f"{type(value).__module__}.{type(value).__name__}" + (f" {value!r}" if plain else "")
    return answer(start_response, document)


@route("/path")
def path(environ: Environ, start_response: Any) -> Iterable[bytes]:
    return answer(start_response, [environ.get("SCRIPT_NAME"), environ.get("PATH_INFO"), environ.get("QUERY_STRING")])


@route("/memory")
def memory(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """The largest resident size this process has ever had, in bytes."""
    status = Path("/proc/self/status").read_text()
    return answer(start_response, int(status.partition("VmHWM:")[2].split()[0]) * 1024)


@route("/interim")
def interim(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Says that it is about to read, then reads: a server sends `100 Continue` no later than now."""
    tell(query(environ, "token"), "reads")
    body = b"".join(pieces(environ))
    start_response("200 OK", [PLAIN, ("Content-Length", str(len(body)))])
    return [body]
