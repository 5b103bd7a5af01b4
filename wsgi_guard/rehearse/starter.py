"""`wsgi-guard schema init`: schema files to begin with, from one request as it is sent."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from wsgi_guard.routes import canonical

from .explain import add_request, request_of
from .request import Recorded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(required=True, metavar="what")
    init = kinds.add_parser("init", help="write schema files that a sample request fits")
    add_request(init)
    init.add_argument("--folder", default="schemas", help="the schema folder; default schemas")


def init(options: argparse.Namespace) -> str:
    """What was written. Raises ValueError for a request that says nothing, FileExistsError where a file is there."""
    root, found = Path(options.folder), drafts(request_of(options))
    if not found:
        raise ValueError("the request has neither a query nor a body to begin with")
    for name in found:
        if (root / name).exists():
            raise FileExistsError(f"{str(root / name)!r} is there already and stays as it is")
    for name, schema in found.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return "\n".join(f"wrote {root / name}" for name in found)


def drafts(request: Recorded) -> dict[str, Any]:
    """Schemas by the names of their files. Raises ValueError for a body that is neither JSON nor a form."""
    from wsgi_guard.validation.fields import native, parse_fields
    from wsgi_guard.validation.media import media
    from wsgi_guard.validation.parse import JsonReader, decode
    from wsgi_guard.validation.schemas.infer import schema_of, schema_of_fields, template_of
    from wsgi_guard.validation.schemas.vocabulary import DIALECT

    path, _, query = request.target.partition("?")
    folder = template_of(canonical(unquote(path)))
    place = f"{folder}/{request.method}" if folder else request.method
    found: dict[str, Any] = {}
    if query:
        found[f"{place}.query.json"] = schema_of_fields(parse_fields(native(query), None))
    if request.body:
        kind = media(next((value for name, value in request.headers if name.lower() == "content-type"), "")).kind
        if kind == "json":
            found[f"{place}.json"] = schema_of(JsonReader(64, 100_000).read(request.body))
        elif kind == "form":
            found[f"{place}.form.json"] = schema_of_fields(parse_fields(decode(request.body), None))
        else:
            raise ValueError("expected a body of JSON or of a form, with its Content-Type")
    return {name: {"$schema": DIALECT, **schema} for name, schema in found.items()}
