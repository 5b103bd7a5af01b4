"""The table of routes that `shapes` and `bodies` fill and `apps` serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

ROUTES: dict[str, App] = {}
PLAIN = ("Content-Type", "text/plain")


def route(path: str) -> Callable[[App], App]:
    def register(answer: App) -> App:
        ROUTES[path] = answer
        return answer

    return register


def query(environ: Environ, name: str) -> str:
    values: dict[str, str] = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    return values.get(name, "")
