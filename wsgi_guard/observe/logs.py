"""JSON log lines, and the output that is there when the user has set up none.

Decides how a record looks and whether the guard brings a handler; what is worth a record is the slices' business. The
user's own handlers, levels and formats are never touched.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from wsgi_guard.facts import current
from wsgi_guard.redact import Redactor, plain_text

LOGGER = "wsgi_guard"
_SPARE = Redactor()


class JsonFormatter(logging.Formatter):
    """One line of JSON a record: time (UTC), level, logger, message, request_id, and the dicts `event` and `audit`."""

    def format(self, record: logging.LogRecord) -> str:
        line = self._facts_of(record)
        try:
            return json.dumps(line, default=plain_text, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            spare = {name: value for name, value in line.items() if isinstance(value, str)}
            return json.dumps({**spare, "unprintable": sorted(line.keys() - spare.keys())})

    def _facts_of(self, record: logging.LogRecord) -> dict[str, Any]:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        request_id = _request_id(record)
        if request_id:
            line["request_id"] = request_id
        for name in ("event", "audit"):
            if hasattr(record, name):
                line[name] = getattr(record, name)
        trace = _trace(record, self) if "event" not in line else ""
        if trace:
            line["traceback"] = trace
        return line


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        return plain_text(record.msg)


def _request_id(record: logging.LogRecord) -> str | None:
    """From the record, which may be formatted by another thread and later; else of the request that runs here."""
    audit, event = getattr(record, "audit", None), getattr(record, "event", None)
    if isinstance(audit, dict) and "request_id" in audit:
        return plain_text(audit["request_id"])
    request = event.get("request") if isinstance(event, dict) else None
    if isinstance(request, dict) and "id" in request:
        return plain_text(request["id"])
    facts = current()
    return facts.request_id if facts else None


def _trace(record: logging.LogRecord, formatter: logging.Formatter) -> str:
    """The traceback of a record that came with one; such a text is nobody's event and was not redacted yet."""
    if not record.exc_text and record.exc_info and record.exc_info[0] is not None:
        try:
            return _SPARE.text(formatter.formatException(record.exc_info))
        except Exception:
            return record.exc_info[0].__name__
    return _SPARE.text(record.exc_text or "")


class Fallback(logging.StreamHandler[Any]):
    """JSON lines to standard error, for as long as the root logger has no handler of the user's."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            super().emit(record)


def ensure_output() -> None:
    """Gives the logger `wsgi_guard` a Fallback and the level INFO, if neither it nor the root has a handler.

    Called again, it finds that handler and adds no second one.
    """
    logger = logging.getLogger(LOGGER)
    if logger.handlers or logging.getLogger().handlers:
        return
    fallback = Fallback()
    fallback.setFormatter(JsonFormatter())
    logger.addHandler(fallback)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
