"""Schema folders for tests, written to disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.routes import Routes
from wsgi_guard.validation.schemas.compile import Part, compile_folder


def write(root: Path, files: dict[str, Any]) -> Path:
    """The folder `root` with `files`, each a JSON document, or text or bytes as they stand."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def part(root: Path, schema: Any, name: str = "a/POST.json", **more: Any) -> Part:
    """The one part of a folder that has one routed file."""
    endpoint = compile_folder(write(root, {name: schema, **more}), Routes()).endpoints[0]
    return next(iter(endpoint.parts.values()))


def problems(root: Path, files: dict[str, Any]) -> list[str]:
    """All that is wrong with a folder."""
    try:
        compile_folder(write(root, files), Routes())
    except ConfigurationError as error:
        return list(error.problems)
    return []
