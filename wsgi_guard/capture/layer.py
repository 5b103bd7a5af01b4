"""Capture: the outermost layer. Turns what went wrong in a request into events, and into the answer that was meant.

Connects the pure parts to a request: exceptions that showed themselves are kept on its facts (`seen.py`) and become
events when the answer is known. Nothing in here may fail the request; what fails is logged as such.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wsgi_guard.errors import Refused
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Head, Outcome, Reply
from wsgi_guard.problem import problem
from wsgi_guard.redact import REDACTED_BY, Redactor
from wsgi_guard.series import Series
from wsgi_guard.settings.sections import CaptureSection

from . import decide, seen, sources, theirs
from .events import Event, Origin, of_disconnect, of_exception, of_status
from .family import wraps
from .ledger import Ledger
from .lines import log_decisions, log_event, log_failure
from .own import function_of, own_of
from .refusal import explained, is_meant, outage_cause, told_elsewhere
from .seen import Entry, Seen, seen_of
from .sentry import Sentry

if TYPE_CHECKING:
    from wsgi_guard.board import Board

    from .alerts.desk import Desk

FAILURE = "the application failed to answer this request"
ERROR_HEADER = "X-Error-ID"
EARLY_REQUESTS = 10
"""Requests at whose end new framework modules are looked for: some apps import their framework at the first one."""

_started: Capture | None = None


def started() -> Capture:
    """The capture of this process that started last; one with the default settings when there is no guard."""
    return _started or Capture(CaptureSection(), environment=None)


class Capture:
    """The error layer of one guard; `board` is what the processes of a host tell each other on.

    Raises ConfigurationError for a Sentry DSN that cannot be one and a function that is not there.
    """

    name = "capture"

    def __init__(
        self, section: CaptureSection, *, environment: str | None, board: Callable[[], Board | None] = lambda: None
    ) -> None:
        self._section = section
        self._redactor = Redactor(section.redact)
        self._origin = Origin(
            self._redactor, environment, section.release, section.locals, own_of(section), function_of(section),
            section.service,
        )
        self.sentry = Sentry(section.sentry_dsn, self._origin) if section.sentry_dsn else None
        self.ledger = Ledger(board)
        self.alerts: Desk | None = None
        self._early = EARLY_REQUESTS

    @property
    def origin(self) -> Origin:
        return self._origin

    def attach(self, alerts: Desk) -> None:
        """From now on every event goes to `alerts` too, and it is told how many requests there were."""
        self.alerts = alerts
        ledger = self.ledger
        ledger.more = lambda: {"alerts": alerts.page()}
        alerts.share(ledger)
        # Bound here, so that nobody else pays for the count.
        self.finish = alerts.counting(self.finish)  # type: ignore[method-assign]

    def start(self) -> None:
        global _started
        _started = self
        theirs.redact_by(lambda facts: self._origin.knowing(facts).redactor)
        sources.connect()
        if self.alerts is not None:
            self.alerts.start()
            self.alerts.adopt(self.ledger.latest())
            self.alerts.inherit(self.ledger.before())

    def report(self) -> str | None:
        """What the outside did not get to know, in a sentence; None when all is well (see `reports.py`)."""
        return self.sentry.report() if self.sentry else None

    def series(self) -> Iterable[Series]:
        if self.alerts is not None:
            yield from self.alerts.series()

    # what the guard and the app tell

    def note(self, facts: Facts, error: BaseException) -> None:
        """An exception was seen; it becomes an event when the request ends at the latest."""
        seen.note(facts, error, raised=True)

    def record(
        self,
        facts: Facts | None,
        error: BaseException,
        *,
        service: str | None = None,
        severity: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> str:
        """The error id of `error`, which is an event now, once; "" for what is none: a refusal, a client that left."""
        if isinstance(error, Refused) or self._overlooks(error):
            return ""
        entry = (seen.enter(facts.root, error) if facts else None) or Entry(error)
        if not entry.done:
            entry.done = True
            entry.id = entry.id or os.urandom(16).hex()
            try:
                origin = self._origin.knowing(facts)
                event = of_exception(
                    error, facts, origin, id=entry.id, service=service, severity=severity or entry.severity,
                    context=context,
                )  # fmt: skip
                self._emit(event, error, facts, origin, sent=entry.sent)
                if origin.redactor is not self._redactor:
                    # The server may log it too.
                    setattr(error, REDACTED_BY, origin.redactor)
            except Exception as failure:
                log_failure(f"recording error {entry.id} ({type(error).__name__})", failure)
        return entry.id

    def _overlooks(self, error: BaseException) -> bool:
        """Whether it only says that the client has left, and the settings want no event of that."""
        return decide.is_disconnect(_lineage(error)) and self._section.disconnects == "ignore"

    def _emit(
        self, event: Event, error: BaseException | None, facts: Facts | None, origin: Origin, *, sent: bool = False
    ) -> None:
        try:
            log_event(event)
        except Exception as failure:
            # A filter or handler of the user's: the others are told all the same.
            log_failure(f"logging error {event.id} ({event.type})", failure)
        self.ledger.add(event)
        if self.alerts is not None:
            self.alerts.take(event, facts)
        if self.sentry is not None and not sent:
            # A worker that leaves takes along what it has not sent.
            stays = facts is not None and (error is None or isinstance(error, Exception))
            self.sentry.send(event, error, origin.redactor, later=stays)

    # the answer

    def answer(self, facts: Facts, error: BaseException) -> Reply:
        """The answer for an exception that reached the guard: the refusal it was or came from, else a 500."""
        try:
            seen.note(facts, error, raised=True)
            noted = facts.noted
            if noted is not None and explained(error, noted, facts.cause):
                return self._refuse(facts, noted)
        except Exception as failure:
            log_failure("looking for a refusal", failure)
        error_id = self.record(facts, error)
        reply = problem(facts.environ, Refused(500, FAILURE), facts.request_id, error_id=error_id)
        return _with_error_id(reply, error_id)

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
        noted, replied = facts.noted, facts.replied
        if noted is not None and not replied and is_meant(_entries(facts), noted, facts.cause):
            return self._refuse(facts, noted)
        self._settle(facts, server_error=not replied)
        found: Seen | None = facts.errors
        error_id = found.shown_id() if found else ""
        if not error_id and not replied:
            error_id = self._unseen(facts, head.code)
        if error_id and not _has_error_id(head):
            head.headers.append((ERROR_HEADER, error_id))
        return None

    def _refuse(self, facts: Facts, noted: Refused) -> Reply:
        """The answer of a noted refusal, which is on record then; an outage's cause is an event."""
        self._settle(facts, server_error=True)
        if not any(decision.verdict == "deny" for decision in facts.decided):
            facts.decide("app", "deny", "", str(noted))
        error_id = seen_of(facts).shown_id()
        return _with_error_id(problem(facts.environ, noted, facts.request_id, error_id=error_id), error_id)

    # the events

    def _settle(self, facts: Facts, *, server_error: bool) -> None:
        """Makes events of what was seen; soft entries are errors only behind a 5xx."""
        cause = outage_cause(facts.noted, facts.cause)
        if cause is not None:
            error_id = self.record(facts, cause)
            for entry in _entries(facts):
                if not entry.done and wraps(entry.error, cause):
                    entry.done, entry.id = True, error_id
        entries = list(_entries(facts))
        for at, entry in enumerate(entries):
            if entry.done or (entry.soft and not server_error):
                continue
            if told_elsewhere(entry, entries[at + 1 :], facts.noted):
                entry.done = True
            else:
                self.record(facts, entry.error)

    def _unseen(self, facts: Facts, code: int) -> str:
        found = seen_of(facts)
        if not found.unseen:
            found.unseen = os.urandom(16).hex()
            origin = self._origin.knowing(facts)
            self._emit(of_status(code, facts, origin, id=found.unseen), None, facts, origin)
        return found.unseen

    # the end

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        if self._early:
            self._early -= 1
            sources.connect()
        if outcome.end in ("error", "disconnect"):
            self._left(facts, outcome)
        if facts.errors is None and facts.decisions is None and facts.noted is None:
            return
        try:
            self._end(facts, outcome)
        except Exception as failure:
            log_failure("ending a request", failure)

    def _left(self, facts: Facts, outcome: Outcome) -> None:
        """An end that is no error of the app's: the worker leaves, or the client does; the settings say what it is."""
        error = outcome.error
        if outcome.end == "disconnect":
            if self._section.disconnects == "report":
                origin = self._origin.knowing(facts)
                self._emit(of_disconnect(facts, origin, id=os.urandom(16).hex()), None, facts, origin)
        elif error is not None and not isinstance(error, Exception):
            status = error.code if isinstance(error, SystemExit) else None
            if decide.leaves(_lineage(error), status, self._section.exits):
                self.record(facts, error)

    def _end(self, facts: Facts, outcome: Outcome) -> None:
        self._settle(facts, server_error=outcome.code >= 500 and not outcome.replied)
        dropped = facts.errors.dropped if facts.errors else 0
        if dropped:
            facts.decide(self.name, "error", "", f"{dropped} more exceptions were logged by the app than are kept")
        if facts.decisions:
            log_decisions(facts, facts.decisions, outcome, self._redactor)
        if facts.errors is not None:
            facts.error_id = facts.errors.shown_id()
        # Tracebacks hold frames, which hold the environ: let go of what would live until the next garbage collection.
        facts.errors = None


def _lineage(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]


def _entries(facts: Facts) -> list[Entry]:
    return facts.errors.entries if facts.errors else []


def _has_error_id(head: Head) -> bool:
    try:
        return any(name.lower() == "x-error-id" for name, _ in head.headers)
    except (AttributeError, TypeError, ValueError):
        # Headers that no server takes; one more or less is no matter.
        return True


def _with_error_id(reply: Reply, error_id: str) -> Reply:
    return reply._replace(headers=(*reply.headers, (ERROR_HEADER, error_id))) if error_id else reply
