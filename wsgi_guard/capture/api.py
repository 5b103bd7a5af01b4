"""capture_error: how application code reports an error that it handles by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_guard.facts import current

from . import layer, seen


def capture_error(
    exc: BaseException, service: str, severity: str = "ERROR", context: Mapping[str, Any] | None = None
) -> str:
    """The error id under which `exc` is in the log, and in Sentry where that is set up. Never raises.

    Works inside a request and outside one. `severity` is DEBUG, INFO, WARNING, ERROR or CRITICAL. Of `context` about
    8,000 characters are kept, secrets taken out. An exception that is reported twice in a request keeps its id; a
    `Refused` is no error and gives "".
    """
    facts = current()
    root = facts.root if facts else None
    if root is not None:
        entry = seen.enter(root, exc)
        if entry is not None and not entry.raised:
            entry.told = True
    return layer.started().record(root, exc, service=service, severity=severity, context=context)
