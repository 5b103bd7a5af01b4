"""The line that says which settings a process runs with."""

from __future__ import annotations

import logging
from time import monotonic, time

from .audit import audit
from .settings import Settings

log = logging.getLogger("wsgi_guard")


def announce(settings: Settings) -> None:
    """Logs where `settings` come from, and what they noted: what was left unread, and why."""
    said = ", ".join(settings.sources) or "defaults"
    # When the clock began by which stores of this host cut their windows, in Unix time.
    clock = round(time() - monotonic(), 6)
    audit("settings", "load", "", said, clock=clock)
    for note in settings.notes:
        log.info("%s", note)
