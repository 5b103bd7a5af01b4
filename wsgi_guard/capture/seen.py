"""The exceptions that showed themselves while a request ran, kept on its facts until it is clear what they were.

A framework signal, a log record and `start_response` may all show the same object; here it is one entry. Whether an
entry becomes an event is decided in `layer.py`.
"""

from __future__ import annotations

from wsgi_guard.errors import Refused
from wsgi_guard.facts import Facts, current

ENTRIES = 50
"""Exceptions kept of one request; further ones are counted. They came by the app's own log, so they are not lost."""

_LEAVING = (SystemExit, KeyboardInterrupt, GeneratorExit)


class Entry:
    """One exception: `id` once it has one, `done` once it is an event, `sent` once Sentry has it.

    `soft` means that it is an error only if the answer is a 5xx, `raised` that the app did not handle it as far as one
    can know, `told` that the app reported it by itself; `noted` is the refusal that was noted when it showed itself;
    `severity` is what a log record said that is graver than ERROR.
    """

    __slots__ = ("done", "error", "id", "noted", "raised", "sent", "severity", "soft", "told")

    def __init__(self, error: BaseException, noted: Refused | None = None) -> None:
        self.error = error
        self.noted = noted
        self.soft = True
        self.raised = False
        self.id = ""
        self.done = False
        self.sent = False
        self.told = False
        self.severity: str | None = None


class Seen:
    """All entries of a request, oldest first; `unseen` is the id of the event for a 5xx without a cause."""

    __slots__ = ("dropped", "entries", "unseen")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.dropped = 0
        self.unseen = ""

    def find(self, error: BaseException) -> Entry | None:
        return next((entry for entry in self.entries if entry.error is error), None)

    def shown_id(self) -> str:
        """The id to tell the client: of the last error that nobody handled, else of the last one known, else ""."""
        known = [entry for entry in self.entries if entry.id]
        raised = [entry for entry in known if entry.raised]
        return (raised or known)[-1].id if known else self.unseen


def seen_of(facts: Facts) -> Seen:
    """What was seen in the request of `facts` so far."""
    seen = facts.errors
    if seen is None:
        seen = facts.errors = Seen()
    return seen  # type: ignore[no-any-return]


def note(facts: Facts, error: BaseException, *, soft: bool = False, raised: bool = False) -> Entry | None:
    """Remembers an exception; None where it is no error (a refusal, a worker that leaves) or too many were seen."""
    if isinstance(error, Refused):
        if facts.noted is not error:
            facts.note(error, error.__cause__)
        return None
    if isinstance(error, _LEAVING) or type(error).__name__ == "GreenletExit":
        return None
    entry = enter(facts, error)
    if entry is not None:
        entry.soft = entry.soft and soft
        entry.raised = entry.raised or raised
    return entry


def enter(facts: Facts, error: BaseException) -> Entry | None:
    """The entry of an exception, a new one if it was not seen before; None when ENTRIES are there already."""
    seen = seen_of(facts)
    entry = seen.find(error)
    if entry is None and len(seen.entries) < ENTRIES:
        entry = Entry(error, facts.noted)
        seen.entries.append(entry)
    elif entry is None:
        seen.dropped += 1
    return entry


def note_here(error: object, *, soft: bool = False, raised: bool = False) -> Entry | None:
    """As `note`, for the request that runs here; nothing happens when none does."""
    facts = current()
    if facts is None or not isinstance(error, BaseException):
        return None
    return note(facts.root, error, soft=soft, raised=raised)
