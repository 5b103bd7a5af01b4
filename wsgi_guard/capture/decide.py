"""How grave an error is, which errors are the same, and which are none: the policy of capture, in pure functions."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

LEVELS = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
}


def severity(name: str) -> str:
    """`name` as one of LEVELS; what is not one counts as ERROR, for a report about an error must not fail."""
    name = str(name).upper()
    return name if name in LEVELS else "ERROR"


def graver(name: str, other: str) -> str:
    """The graver of two severities."""
    return max(name, other, key=LEVELS.__getitem__)


# What the worlds of WSGI raise where the client is gone; a lost connection of any other kind has other names.
_GONE = frozenset({"ClientDisconnected", "NoMoreData", "UnreadablePostError", "ClientDisconnectedError"})


def is_disconnect(names: Sequence[str]) -> bool:
    """True for the exception by which a server or framework says that the client left; `names` of class and bases."""
    return not _GONE.isdisjoint(names)


# Somebody at the keyboard, and a generator that is closed.
_STOPPED = frozenset({"KeyboardInterrupt", "GeneratorExit"})


def leaves(names: Sequence[str], status: object, exits: str) -> bool:
    """Whether what is no Exception is an event; `names` of class and bases, `status` of a SystemExit.

    `exits`, the setting `capture.exits`, decides of what ends a worker. The rest, as gevent's Timeout, is an error.
    """
    if "SystemExit" in names:
        return exits == "all" or (exits == "errors" and status not in (None, 0))
    return exits == "all" if "GreenletExit" in names else _STOPPED.isdisjoint(names)


def unseen(code: int) -> tuple[str, str]:
    """Severity and category of a 5xx answer whose cause nobody showed: a 500 is a fault, the others may be meant."""
    categories = {502: "external", 504: "timeout"}
    return ("ERROR" if code == 500 else "WARNING"), categories.get(code, "other")


def fingerprint(kinds: Sequence[str], frames: Sequence[str]) -> str:
    """16 hex digits, equal for errors of one kind raised along the same way of functions, whatever their lines say."""
    # Each frame once: a recursion goes as deep as it goes, and an exception object that is raised anew each time, as
    # some modules keep one, has all the ways that it was raised before in its traceback.
    text = "\n".join([*kinds, "", *dict.fromkeys(frames)])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
