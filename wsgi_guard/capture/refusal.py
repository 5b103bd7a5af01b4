"""What a refusal noted inside the app means for the exceptions that showed themselves: the rules, in pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_guard.errors import Outage, Refused

from .family import related, wraps
from .seen import Entry


def explained(error: BaseException, noted: Refused, cause: BaseException | None) -> bool:
    """True when `error` is the refusal, what caused it, or came out of one of the two."""
    return related(error, noted) or (cause is not None and related(error, cause))


def is_meant(entries: Sequence[Entry], noted: Refused, cause: BaseException | None) -> bool:
    """True when a 5xx stands for the refusal: nothing raised since it was noted has another reason.

    What the app only logged or reported counts where nothing else was seen.
    """
    since = [entry for entry in entries if entry.noted is noted]
    since = [entry for entry in since if entry.raised] or [entry for entry in since if not entry.told]
    return all(explained(entry.error, noted, cause) for entry in since)


def outage_cause(noted: Refused | None, cause: BaseException | None) -> BaseException | None:
    """The error behind an outage; None for any other refusal, which is no error, and for an outage without one."""
    if not isinstance(noted, Outage):
        return None
    found = noted.__cause__ if cause is None or cause is noted else cause
    return None if isinstance(found, Refused) else found


def told_elsewhere(entry: Entry, later: Sequence[Entry], noted: Refused | None) -> bool:
    """True for what is no event of its own: it wraps a refusal, or a later exception wraps it and tells it too."""
    if noted is not None and wraps(entry.error, noted):
        return True
    return any(wraps(other.error, entry.error) for other in later)
