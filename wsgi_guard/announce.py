"""The line that says which settings a process runs with."""

from __future__ import annotations

import logging
from os import getpid
from time import monotonic, time

from .facts import new_id
from .settings import Settings

log = logging.getLogger("wsgi_guard")
audit_log = logging.getLogger("wsgi_guard.audit")


def announce(settings: Settings) -> None:
    """Logs where `settings` come from, and what they noted: what was left unread, and why."""
    said = ", ".join(settings.sources) or "defaults"
    decision = {"id": new_id(), "layer": "settings", "verdict": "load", "rule": "", "reason": said}
    # When the clock began by which stores of this host cut their windows, in Unix time.
    clock = round(time() - monotonic(), 6)
    audit = {"client": None, "pid": getpid(), "clock": clock, "decisions": [decision]}
    audit_log.info("settings loaded from %s", said, extra={"audit": audit})
    for note in settings.notes:
        log.info("%s", note)
