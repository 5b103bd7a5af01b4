"""One GET to a server of one's own, over within the time given whatever the server does.

Follows no redirect and uses no proxy of the environment: a token goes where it was meant to go.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from .errors import GuardError

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer that are read."""


class Answer(NamedTuple):
    """`type` is the media type, without parameters."""

    status: int
    type: str
    body: bytes


def fetch(url: str, headers: Mapping[str, str], timeout: float) -> Answer:
    """The answer of `url`, http:// or https://. Raises ValueError for another URL, GuardError when there is none."""
    parts = _parts(url)
    # Name resolution knows no timeout, and a socket's counts anew with each byte: a thread can be left behind.
    found: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            found.put(_get(parts, headers, timeout))
        except BaseException as error:
            found.put(error)

    threading.Thread(target=run, name="wsgi_guard-fetch", daemon=True).start()
    try:
        answer = found.get(timeout=timeout)
    except queue.Empty:
        raise GuardError(f"no answer within {timeout:g} s") from None
    if isinstance(answer, Answer):
        return answer
    if isinstance(answer, TimeoutError):
        raise GuardError(f"no answer within {timeout:g} s")
    if isinstance(answer, OSError | HTTPException | ValueError):
        raise GuardError(f"no answer of a server: {_reason(answer)}")
    raise answer


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named or parts.scheme not in ("http", "https"):
        raise ValueError("expected a URL that starts with http:// or https:// and names a host")
    return parts


def _get(parts: SplitResult, headers: Mapping[str, str], timeout: float) -> Answer:
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    line = connect(parts.hostname or "", parts.port, timeout=timeout)
    try:
        line.request("GET", parts.path or "/", headers={"Connection": "close", **headers})
        answer = line.getresponse()
        return Answer(answer.status, answer.headers.get_content_type(), answer.read(LARGEST))
    finally:
        line.close()


def _reason(error: Exception) -> str:
    """The system's words where it has some: other texts may repeat what the server sent. TLS has numbers of its own."""
    if isinstance(error, OSError) and error.errno and type(error).__module__ == "builtins":
        return os.strerror(error.errno)
    return type(error).__name__
