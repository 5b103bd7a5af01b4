"""The app behind the live tests: plain WSGI, one route a peculiarity, some of them rude.

Query parameters: `token` names what is told of the request to the test, `gate` is a port of `events.Gate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import bodies, shapes
from .routing import PLAIN, ROUTES, Environ

__all__ = ["ROUTES", "app", "bodies", "shapes"]


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    answer = ROUTES.get(environ.get("PATH_INFO", ""))
    if answer is None:
        start_response("404 Not Found", [PLAIN, ("Content-Length", "8")])
        return [b"no route"]
    return answer(environ, start_response)
