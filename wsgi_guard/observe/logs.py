"""Log lines as JSON or as text, and the output that is there when the user has set up none.

Decides how a record looks and whether the guard brings a handler; what is worth a record is the slices' business. The
user's own handlers, levels and formats are never touched.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from traceback import format_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any

from wsgi_guard.facts import current
from wsgi_guard.redact import TEXT_LIMIT, Redactor, one_line, plain_text

from .binding import NONE
from .file import File
from .lines import CLOCK, access_line

if TYPE_CHECKING:
    from wsgi_guard.settings.sections import LogSection

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
LOGGER = "wsgi_guard"
_SPARE = Redactor()


class JsonFormatter(logging.Formatter):
    """One line of JSON a record: time (UTC), level, logger, message, ids, and the dicts `event` and `audit`.

    The dict `access` of an access record is the line itself.
    """

    def format(self, record: logging.LogRecord) -> str:
        access = record.__dict__.get("access")
        if type(access) is dict:
            try:
                return access_line(record.created, record.levelname, record.name, access)
            except (KeyError, TypeError, ValueError):
                # Not one of the guard's own.
                pass
        line = self._facts_of(record)
        try:
            return json.dumps(line, default=plain_text, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            spare = {name: value for name, value in line.items() if isinstance(value, str)}
            return json.dumps({**spare, "unprintable": sorted(line.keys() - spare.keys())})

    def _facts_of(self, record: logging.LogRecord) -> dict[str, Any]:
        line: dict[str, Any] = {
            "time": CLOCK.text(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": message_of(record),
        }
        request_id = _request_id(record)
        if request_id:
            line["request_id"] = request_id
        trace_id = getattr(record, "trace_id", NONE)
        if trace_id != NONE:
            line["trace_id"] = plain_text(trace_id)
        for name in ("event", "audit"):
            if hasattr(record, name):
                line[name] = getattr(record, name)
        trace = _trace(record) if "event" not in line else ""
        if trace:
            line["traceback"] = trace
        return line


def message_of(record: logging.LogRecord) -> str:
    """The message, or what it was to be made of where that goes wrong."""
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
    bound = getattr(record, "request_id", None)
    if bound is not None:
        return None if bound == NONE else plain_text(bound)
    facts = current()
    return facts.request_id if facts else None


def _trace(record: logging.LogRecord) -> str:
    """The traceback of a record that came with one; if it is nobody's event it was not redacted yet."""
    info = record.exc_info
    if not record.exc_text and info and info[0] is not None:
        return trace_of(info, _SPARE)
    text = record.exc_text or ""
    return _SPARE.text(text) if hasattr(record, "event") else _SPARE.error(text)


def trace_of(info: ExcInfo, redactor: Redactor) -> str:
    """The traceback without secrets; where that cannot be put into words, the name of the exception."""
    try:
        return _redacted(format_exception(*info), redactor)
    except Exception:
        return info[0].__name__


def _redacted(parts: list[str], redactor: Redactor) -> str:
    """Part by part, for what one exception says must not hide the frames of the next."""
    kept, left = [], TEXT_LIMIT
    for part in parts:
        kept.append(redactor.error(part, left))
        left -= len(kept[-1])
        if left <= 0:
            break
    return "".join(kept).rstrip("\n")


class TextFormatter(logging.Formatter):
    """One line a record for a terminal; a traceback follows indented, so that no text of it looks like a line."""

    def format(self, record: logging.LogRecord) -> str:
        access, request_id = getattr(record, "access", None), _request_id(record)
        line = f"{CLOCK.text(record.created)[:23]} {record.levelname} {record.name} {one_line(message_of(record))}"
        if type(access) is dict:
            line += "".join(_aside(access))
        if request_id:
            line += f" {one_line(request_id)}"
        trace = _trace(record)
        return line if not trace else "\n    ".join([line, *map(one_line, trace.splitlines())])


def _aside(access: dict[str, Any]) -> list[str]:
    """What a reader of a terminal wants to see at once."""
    told = [f" {access.get('client')}"]
    told += [" SLOW"] if access.get("slow") else []
    told += [f" {one['verdict']}:{one['layer']}/{one['rule']}" for one in access.get("decisions", ())]
    told += [f" error_id={access['error_id']}"] if "error_id" in access else []
    return [one_line(text) for text in told]


class Fallback(logging.StreamHandler[Any]):
    """Lines to standard error, for as long as the root logger has no handler of the user's."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            super().emit(record)

    def put(self, line: str, now: float) -> None:
        """Writes what a record would have become. Raises what the stream raises."""
        lock: Any = self.lock
        with lock:
            self.stream.write(line)
            self.flush()


def ensure_output(section: LogSection | None = None) -> None:
    """Gives the logger `wsgi_guard` a Fallback and the level INFO, if neither it nor the root has a handler.

    With `log.file` set it gets a handler for that file in any case. Called again, it finds what it made and adds
    nothing. Raises OSError when the file cannot be opened.
    """
    for name, known in list(logging.Logger.manager.loggerDict.items()):
        # What a configuration of logging has shut off because it came later and did not name them.
        if name.partition(".")[0] == LOGGER and isinstance(known, logging.Logger):
            known.disabled = False
    logger = logging.getLogger(LOGGER)
    form: logging.Formatter = TextFormatter() if section is not None and section.format == "text" else JsonFormatter()
    path = section.file if section is not None else None
    if path is not None:
        if any(isinstance(one, OwnFile) and one.path == path for one in logger.handlers):
            return
        output: logging.Handler = OwnFile(path)
    elif logger.handlers or logging.getLogger().handlers:
        return
    else:
        output = Fallback()
    output.setFormatter(form)
    logger.addHandler(output)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


SAY_EVERY = 60.0
"""Seconds between two complaints about a file that takes no lines."""


class OwnFile(logging.Handler):
    """The file that `log.file` names, opened anew when logrotate has moved it away.

    It stays open while this object lives, also after `close()`: `logging.config` closes all handlers that it finds,
    those too that go on afterwards.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self._file = File(path)
        self._said_at = 0.0
        self._left_out = 0

    def handle(self, record: logging.LogRecord) -> bool:
        """Without the lock of other handlers: a line is one write."""
        found: Any = not self.filters or self.filter(record)
        if found:
            # Since Python 3.12 a filter may put another record in place.
            self.emit(record if found is True else found)
        return bool(found)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
        except Exception:
            self.handleError(record)
            return
        try:
            self._file.write(line.encode("utf-8", "backslashreplace"), record.created)
        except OSError as error:
            self._refused(line, record, error)

    def _refused(self, line: str, record: logging.LogRecord, error: OSError) -> None:
        """A full disk costs no page of words for each request: what is graver than INFO goes to standard error."""
        grave = record.levelno > logging.INFO
        self._left_out += not grave
        told = line if grave else ""
        if not 0 <= record.created - self._said_at < SAY_EVERY:
            self._said_at = record.created
            why = error.strerror or type(error).__name__
            told = f"wsgi_guard: {self.path}: {why}; {self._left_out} lines below WARNING were left out\n{told}"
        # There may be no standard error, or one that is full as well.
        with suppress(Exception):
            sys.stderr.write(told)

    def put(self, line: str, now: float) -> None:
        """Writes what a record would have become; `line` is ASCII. Raises OSError."""
        self._file.write(line.encode(), now)
