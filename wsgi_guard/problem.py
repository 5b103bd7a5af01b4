"""Turns a `Refused` into the whole answer: RFC 9457 problem JSON, or a small HTML page for a browser.

Decides the form from `Accept` alone and escapes everything it prints. It knows no exception text but the `detail`
written for the client, and it must not raise: it is what the guard says when all else has failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from http import HTTPStatus
from typing import Any

from .errors import Refused
from .layer import Header, Reply

ACCEPT_LIMIT = 1000
"""Characters of `Accept` that are read; browsers send about 150. A range cut off there counts as not sent."""

ERRORS_SHOWN = 20
"""Entries of the member `errors` that the HTML page lists; the JSON form has them all."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_OWN_HEADERS = frozenset({"content-type", "content-length", "cache-control"})
_JSON = ("application/problem+json", "application/json")


def problem(environ: Mapping[str, Any], refused: Refused, request_id: str, *, error_id: str | None = None) -> Reply:
    """The answer to send; for HEAD without its body but with the length that GET would have."""
    document = _document(refused, request_id, error_id)
    if prefers_html(environ.get("HTTP_ACCEPT", "")):
        kind, body = "text/html; charset=utf-8", _page(document)
    else:
        kind, body = "application/problem+json", _json(document)
    headers: tuple[Header, ...] = (
        ("Content-Type", kind),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *(header for header in refused.headers if header[0].lower() not in _OWN_HEADERS),
    )
    status = f"{refused.status} {phrase(refused.status)}"
    return Reply(status, headers, b"" if environ.get("REQUEST_METHOD") == "HEAD" else body)


def phrase(status: int) -> str:
    """The registered reason phrase, or a general one: a status line needs some text after its digits."""
    return _PHRASES.get(status) or ("Server Error" if status >= 500 else "Client Error")


def prefers_html(accept: str) -> bool:
    """As `_prefers_html`, known for what was asked lately; browsers of a kind all send the same."""
    return _prefers_html(accept) if len(accept) <= ACCEPT_LIMIT else _prefers_html.__wrapped__(accept)


@lru_cache(maxsize=256)
def _prefers_html(accept: str) -> bool:
    """True where `Accept` gives text/html a higher quality than JSON (RFC 9110, 12.5.1); a tie means JSON."""
    if "text/" not in accept.lower():
        return False
    qualities = _qualities(accept)
    html = _quality(qualities, "text/html")
    return html > 0 and html > max(_quality(qualities, kind) for kind in _JSON)


def _qualities(accept: str) -> dict[str, float]:
    """Media range -> its quality; parameters other than q are left out of the range."""
    ranges = accept[:ACCEPT_LIMIT].lower().split(",")
    if len(accept) > ACCEPT_LIMIT:
        ranges.pop()
    found: dict[str, float] = {}
    for text in ranges:
        name, *parameters = (part.strip() for part in text.split(";"))
        quality = next((_number(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
        found[name] = max(quality, found.get(name, 0.0))
    return found


def _number(text: str) -> float:
    """A qvalue; what is not one counts as 0, so that it can only lose."""
    digits = text.replace(".", "", 1)
    return min(float(text), 1.0) if digits.isascii() and digits.isdigit() else 0.0


def _quality(qualities: Mapping[str, float], kind: str) -> float:
    """Quality of `kind` by the most specific range that covers it."""
    for name in (kind, kind.split("/")[0] + "/*", "*/*"):
        if name in qualities:
            return qualities[name]
    return 0.0


def _document(refused: Refused, request_id: str, error_id: str | None) -> dict[str, Any]:
    document = {
        "type": refused.type,
        "title": refused.title or phrase(refused.status),
        "status": refused.status,
        "detail": refused.detail,
        "request_id": request_id,
    }
    if error_id:
        document["error_id"] = error_id
    return {**document, **{name: value for name, value in refused.members.items() if name not in document}}


def _json(document: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        plain = (str, int)
        text = json.dumps({name: value for name, value in document.items() if isinstance(value, plain)})
    return text.encode("ascii")


def _page(document: dict[str, Any]) -> bytes:
    """No style, script or resource: right under any Content-Security-Policy."""
    heading = escape(f"{document['status']} {document['title']}")
    ids = "".join(
        f"<p>{label}: <code>{escape(str(document[name]))}</code></p>\n"
        for name, label in (("request_id", "Request"), ("error_id", "Error"), ("decision", "Decision"))
        if document.get(name)
    )
    page = (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{heading}</title></head>\n<body>\n'
        f"<h1>{heading}</h1>\n<p>{escape(str(document['detail']))}</p>\n{_errors(document.get('errors'))}{ids}"
        "</body>\n</html>\n"
    )
    return page.encode("utf-8", "xmlcharrefreplace")


def _errors(errors: object) -> str:
    """The list of what was wrong with a form, empty for an answer without one."""
    if not isinstance(errors, list | tuple):
        return ""
    rows = [error for error in errors[:ERRORS_SHOWN] if isinstance(error, Mapping)]
    lines = [f"<li>{_place(row)}{escape(str(row.get('message', '')))}</li>" for row in rows]
    return "<ul>\n" + "\n".join(lines) + "\n</ul>\n" if lines else ""


def _place(row: Mapping[str, object]) -> str:
    """Where something is wrong: the pointer of a part of the document, nothing for the whole of it."""
    pointer = row.get("pointer")
    return f"<code>{escape(str(pointer))}</code> " if pointer else ""
