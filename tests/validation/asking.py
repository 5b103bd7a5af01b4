"""A guarded app with schema files, asked in process, with PEP 3333's own checker on both sides of the guard."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

from tests.support.calling import PLAIN, Environ, Server, request, serve
from wsgi_guard import Guard, current
from wsgi_guard.routes import Routes
from wsgi_guard.validation.schemas.compile import Endpoint, compile_folder

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def schema_folder(root: Path, files: Mapping[str, Any]) -> Path:
    """A folder with these files: a text as it stands, everything else as JSON."""
    folder = root / "schemas"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def compiled(root: Path, files: Mapping[str, Any]) -> list[Endpoint]:
    return compile_folder(schema_folder(root, files), Routes()).endpoints


class Site:
    """An app that reads its body, inside a guard; what the app found last are its attributes."""

    def __init__(
        self,
        root: Path | None,
        files: Mapping[str, Any] | None = None,
        *,
        layers: tuple[str, ...] = ("validation",),
        **validation: Any,
    ) -> None:
        if root is not None and files is not None:
            validation["schemas"] = str(schema_folder(root, files))
        settings = {"guard": {"layers": list(layers)}, "validation": validation}
        self._checked = validator(Guard(validator(self.app), settings))
        # What no server sends, the checker does not let through.
        self._unchecked = Guard(self.app, settings)
        self.validated: Any = None
        self.body = b""
        self.length = ""
        self.calls = 0

    def app(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.calls += 1
        facts = current()
        self.validated = dict(facts.validated) if facts is not None else None
        self.length = environ.get("CONTENT_LENGTH") or ""
        self.body = environ["wsgi.input"].read(int(self.length or 0))
        start_response("200 OK", [PLAIN])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"app"]

    def ask(
        self,
        path: str = "/",
        method: str = "GET",
        body: bytes = b"",
        *,
        query: str = "",
        lawful: bool = True,
        **keys: Any,
    ) -> Server:
        """One request; further environ keys by keyword. `lawful` if PEP 3333 allows what is asked."""
        environ = request(path, method, body, **{"QUERY_STRING": query, **keys})
        server = serve(self._checked if lawful else self._unchecked, environ)
        if server.error is not None:
            raise server.error
        return server

    def post(self, path: str, document: Any, kind: str = JSON, **keys: Any) -> Server:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.ask(path, "POST", body, CONTENT_TYPE=kind, **keys)


def errors(server: Server) -> list[dict[str, str]]:
    """The violations that an answer tells."""
    found: list[dict[str, str]] = json.loads(server.body)["errors"]
    return found


class Audit(logging.Handler):
    """The decisions that were put on record, and every text that was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions: list[dict[str, Any]] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage() + repr(record.__dict__))
        audit = getattr(record, "audit", None)
        if audit is not None:
            self.decisions.extend(one for one in audit["decisions"] if one["verdict"] != "load")

    def kinds(self) -> list[tuple[str, str]]:
        return [(decision["verdict"], decision["rule"]) for decision in self.decisions]
