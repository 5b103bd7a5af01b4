"""How a request stands in lines that people read: its path without secrets, and the names of what was decided."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from .redact import Redactor, one_line

if TYPE_CHECKING:
    from .facts import Environ, Facts

PATH_LIMIT = 500
TARGET_LIMIT = 8_000
"""Characters: twice what gunicorn takes of a request line unless it is told otherwise."""

# A query of values too short for any secret that is known by its shape; what its names say is asked besides.
_SHORT = re.compile(r"(?:[\w.-]{1,32}=[\w.,:+-]{0,11}(?:&|\Z))*+", re.A)
# What stands in a path as it is (RFC 3986, 3.3).
_IN_PATH = "/!$&'()*+,;=:@"


def shown_path(facts: Facts, redactor: Redactor) -> str:
    """The path of the request as people read it: UTF-8 where it is, without secrets and line breaks."""
    environ = facts.environ
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    text = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return one_line(redactor.text(text, PATH_LIMIT))


def has_target(environ: Environ) -> bool:
    """Whether path and query as they came tell more than the path that is shown."""
    if environ.get("QUERY_STRING"):
        return True
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO")
    return type(raw) is str and ("%" in raw or "?" in raw)


def shown_target(facts: Facts, path: str, redactor: Redactor) -> str:
    """Path and query as they came, without secrets; `path` is the one that is shown."""
    environ = facts.environ
    raw, query = environ.get("RAW_URI") or environ.get("REQUEST_URI"), str(environ.get("QUERY_STRING") or "")
    if type(raw) is not str or raw[:1] != "/":
        whole = f"{environ.get('SCRIPT_NAME') or ''}{environ.get('PATH_INFO') or ''}"
        raw = quote(whole, _IN_PATH, "latin-1", "replace") + (f"?{query}" if query else "")
    if raw == f"{path}?{query}" and _SHORT.fullmatch(query) is not None:
        secret = redactor.secret_name
        if not any(secret(item.partition("=")[0]) for item in query.split("&")):
            return raw
    return one_line(redactor.text(raw, TARGET_LIMIT))


def decision_id(facts: Facts, at: int) -> str:
    """The same for a decision in every line that tells of it."""
    return f"{facts.request_id}-{at + 1}"
