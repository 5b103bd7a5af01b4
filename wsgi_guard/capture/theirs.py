"""An app's own Sentry client: what it reports shares its id with the guard's event, and leaves without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wsgi_guard.facts import Facts, current
from wsgi_guard.redact import TEXT_LIMIT, Redactor
from wsgi_guard.wrapped import is_around, put_around

from .lines import log_failure
from .seen import note_here
from .sentry import redacted

ERROR = ("exception", "threads", "message", "logentry", "breadcrumbs", "request", "extra")
"""The parts of an event that hold what the app or a client said; ids, times and versions stand in the others."""
IDS = {"trace", "profile", "replay"}
"""The contexts that are ids, which may pass for card numbers."""
TRACE = ("query_string", "url", "data")
"""Of the request of a trace, which a request that succeeds has too, what Sentry's own SDK does not look into."""

_redactor_of: Callable[[Facts | None], Redactor] | None = None


def redact_by(redactor_of: Callable[[Facts | None], Redactor]) -> None:
    """Who knows the secrets of a request: the capture that started last."""
    global _redactor_of
    _redactor_of = redactor_of


def attach(module: Any) -> None:
    """Errors that the app's client reports get one id and are not sent a second time."""
    from sentry_sdk.integrations.logging import ignore_logger
    from sentry_sdk.scope import add_global_event_processor

    ignore_logger("wsgi_guard.errors")
    # Or what fails about a report would be one more to fail.
    ignore_logger("wsgi_guard.capture")
    add_global_event_processor(_reported)


def _reported(event: Any, hint: Any) -> Any:
    info = hint.get("exc_info") if isinstance(hint, dict) and "wsgi_guard" not in hint else None
    entry = note_here(info[1]) if info else None
    if entry is not None and not entry.done:
        entry.sent = True
        entry.id = entry.id or str(event.get("event_id") or "")
    _stand_last()
    return event


def _stand_last() -> None:
    """Redacts behind the app's own `before_send`: after this processor the SDK adds request and locals to an event."""
    import sentry_sdk

    options = sentry_sdk.get_client().options
    for name, redact in (("before_send", _of_error), ("before_send_transaction", _of_trace)):
        if not is_around(options.get(name)):
            options[name] = _then(options.get(name), redact)


def _then(before: Any, redact: Callable[[dict[str, Any], Redactor], None]) -> Callable[[Any, Any], Any]:
    def last(event: Any, hint: Any) -> Any:
        event = event if before is None else before(event, hint)
        if event is None:
            return None
        try:
            redact(event, _redactor_of(current()) if _redactor_of else Redactor())
        except Exception as failure:
            # Rather not told there: what the guard knows of it is in its own log.
            log_failure("redacting a report to sentry", failure)
            return None
        return event

    put_around(last, before)
    return last


def _of_error(event: dict[str, Any], redactor: Redactor) -> None:
    _redact(event, ERROR, redactor)
    contexts = event.get("contexts")
    if isinstance(contexts, dict):
        _redact(contexts, contexts.keys() - IDS, redactor)


def _of_trace(event: dict[str, Any], redactor: Redactor) -> None:
    request = event.get("request")
    if isinstance(request, dict):
        _redact(request, TRACE, redactor)


def _redact(told: dict[str, Any], names: Iterable[str], redactor: Redactor) -> None:
    told |= {name: redacted(told[name], redactor, name, TEXT_LIMIT) for name in names if told.get(name)}
