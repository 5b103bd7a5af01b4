"""A guarded app called in process, with the PEP 3333 linter on both sides of the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from wsgi_guard.guard import Guard

App = Callable[..., Any]


@dataclass
class Answer:
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def code(self) -> int:
        return int(self.status[:3])

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2
        return found[0] if found else None

    @property
    def error_id(self) -> str | None:
        return self.header("X-Error-ID")


def guarded(app: App, **capture: Any) -> App:
    """`app` with capture alone around it; `capture` are keys of that table."""
    guard = Guard(validator(app), {"capture": capture}, only=())
    return validator(guard)


def call(app: App, path: str = "/", **environ: Any) -> Answer:
    """What a server would send for one GET; `environ` adds to the usual keys."""
    full: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, **environ}
    setup_testing_defaults(full)
    full.setdefault("QUERY_STRING", "")
    told: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        told[:] = [status, headers]
        return written.append

    result = app(full, start_response)
    try:
        written += result
    finally:
        if hasattr(result, "close"):
            result.close()
    return Answer(told[0], told[1], b"".join(written))


def answering(status: str = "200 OK", body: bytes = b"ok", before: Callable[[], object] | None = None) -> App:
    """An app that calls `before` and then answers."""

    def app(environ: Mapping[str, Any], start_response: Any) -> list[bytes]:
        if before is not None:
            before()
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    return app


def raising(error: BaseException) -> App:
    """An app that raises."""

    def fail() -> None:
        raise error

    return answering(before=fail)
