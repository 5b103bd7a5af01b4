"""Capture: the outermost layer. Turns what went wrong in a request into events, and into the answer that was meant.

Connects the pure parts to a request: exceptions that showed themselves are kept on its facts (`seen.py`) and become
events when the answer is known. Nothing in here may fail the request; what fails is logged as such.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import Outage, Refused
from ..facts import Facts
from ..layer import Head, Outcome, Reply
from ..observe.logs import ensure_output
from ..problem import problem
from ..redact import Redactor
from ..settings.sections import CaptureSection
from . import seen, sources
from .events import Event, Origin, of_exception, of_status
from .family import descends, related
from .lines import log_decisions, log_event, log_failure
from .seen import Entry, seen_of
from .sentry import Sentry

FAILURE = "the application failed to answer this request"
ERROR_HEADER = "X-Error-ID"
EARLY_REQUESTS = 10
"""Requests at whose end new framework modules are looked for: some apps import their framework at the first one."""

_started: Capture | None = None


def started() -> Capture:
    """The capture of this process that started last; one with the default settings when there is no guard."""
    return _started or Capture(CaptureSection(), environment=None, release=None)


class Capture:
    """The error layer of one guard. Raises ConfigurationError for a Sentry DSN that cannot be one."""

    name = "capture"

    def __init__(self, section: CaptureSection, *, environment: str | None, release: str | None) -> None:
        self._redactor = Redactor(section.redact)
        self._origin = Origin(self._redactor, environment, release)
        self._sentry = Sentry(section.sentry_dsn, self._origin) if section.sentry_dsn else None
        self._early = EARLY_REQUESTS

    def start(self) -> None:
        global _started
        _started = self
        sources.connect()
        ensure_output()

    def report(self) -> str | None:
        """What the outside did not get to know, in a sentence; None when all is well."""
        return self._sentry.report() if self._sentry else None

    # what the guard and the app tell

    def note(self, facts: Facts, error: BaseException) -> None:
        """An exception was seen; it becomes an event when the request ends at the latest."""
        seen.note(facts, error)

    def record(
        self,
        facts: Facts | None,
        error: BaseException,
        *,
        service: str = "app",
        severity: str = "ERROR",
        context: Mapping[str, Any] | None = None,
    ) -> str:
        """The error id of `error`, which is an event now, once; "" for a refusal, which is none."""
        if isinstance(error, Refused):
            return ""
        entry = seen.enter(facts.root, error) if facts else None
        if entry is None:
            entry = Entry(error, None, False)
        if not entry.done:
            entry.done = True
            entry.id = entry.id or _new_id()
            try:
                self._emit(
                    of_exception(
                        error, facts, self._origin, id=entry.id, service=service, severity=severity, context=context
                    ),
                    None if entry.sent else error,
                    send=not entry.sent,
                )
            except Exception as failure:
                log_failure(f"recording error {entry.id}", failure)
        return entry.id

    def _emit(self, event: Event, error: BaseException | None, *, send: bool = True) -> None:
        log_event(event)
        if send and self._sentry is not None:
            self._sentry.send(event, error)

    # the answer

    def answer(self, facts: Facts, error: BaseException) -> Reply:
        """The answer for an exception that reached the guard: the refusal it was or came from, else a 500."""
        try:
            if isinstance(error, Refused):
                seen.note(facts, error)
            noted = facts.noted
            if noted is not None and (noted is error or related(error, facts.cause or noted)):
                return self._refuse(facts, noted, error)
        except Exception as failure:
            log_failure("looking for a refusal", failure)
        error_id = self.record(facts, error)
        reply = problem(facts.environ, Refused(500, FAILURE), facts.request_id, error_id=error_id)
        return with_error_id(reply, error_id)

    def after(self, facts: Facts, head: Head) -> Reply | None:
        if head.code < 500:
            return None
        try:
            return self._after_5xx(facts, head)
        except Exception as failure:
            log_failure("looking at a 5xx", failure)
            return None

    def _after_5xx(self, facts: Facts, head: Head) -> Reply | None:
        sources.connect()
        replied = getattr(facts, "replied", False)
        if not replied:
            sources.note_webob(facts.environ)
            if self._is_meant(facts):
                return self._refuse(facts, facts.noted, None)
        self._settle(facts, server_error=not replied)
        error_id = _last_id(facts) if facts.errors else ""
        if not error_id and not replied:
            error_id = self._unseen(facts, head.code)
        if error_id and not any(name.lower() == "x-error-id" for name, _ in head.headers):
            head.headers.append((ERROR_HEADER, error_id))
        return None

    def _is_meant(self, facts: Facts) -> bool:
        """True when a refusal was noted and nothing that showed itself since is unrelated to it."""
        noted = facts.noted
        if noted is None:
            return False
        root = facts.cause or noted
        entries = facts.errors.entries if facts.errors else ()
        since = [entry for entry in entries if entry.noted is noted and not entry.told]
        return all(related(entry.error, root) or related(entry.error, noted) for entry in since)

    def _refuse(self, facts: Facts, noted: Refused | None, error: BaseException | None) -> Reply:
        """The answer of a noted refusal; behind an outage stands an error, which is an event."""
        assert noted is not None  # noqa: S101  (for the type checker; callers looked)
        error_id = self._outage(facts, noted, error)
        reply = problem(facts.environ, noted, facts.request_id, error_id=error_id)
        return with_error_id(reply, error_id)
