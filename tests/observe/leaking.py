"""An app whose answers break off, or whose `close` fails, with an exception that repeats secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def _why(environ: dict[str, Any]) -> str:
    return f"{environ['HTTP_X_API_KEY']} was refused by postgres://app:of-the-database@db.example/shop"


class Body:
    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    def __iter__(self) -> Iterator[bytes]:
        yield b"begun"
        if self._environ["PATH_INFO"] == "/body":
            raise ValueError(_why(self._environ))

    def close(self) -> None:
        if self._environ["PATH_INFO"] == "/close":
            raise ValueError(_why(self._environ))


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Body(environ)
