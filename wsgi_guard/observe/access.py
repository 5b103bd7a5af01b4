"""The access log: a line or a record for each request, at its end."""

from __future__ import annotations

import logging
from time import time

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.redact import Redactor
from wsgi_guard.settings.sections import LogSection

from .direct import Direct
from .endpoints import Endpoints
from .records import NAME, Records
from .story import Story


class AccessLog:
    """Watches every request from outside all layers; what nobody listens to is not put together.

    Raises ValueError where the settings ask for a package that is not there.
    """

    name = "log"

    def __init__(self, section: LogSection, redactor: Redactor, endpoints: Endpoints) -> None:
        self._slow = section.slow
        self._story = Story(NAME, redactor, endpoints, targets=section.target)
        self._log = logging.getLogger(NAME)
        self._direct = Direct(section.file) if section.handler == "direct" else None

    def start(self) -> None:
        if self._direct is not None:
            self._direct.open()
        else:
            self._records = Records(self._log)

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        slow, direct = outcome.duration >= self._slow, self._direct
        if direct is not None:
            now = time()
            direct.add(*self._story.line(facts, outcome, now, slow=slow), now)
            return
        level = logging.WARNING if slow else logging.INFO
        if self._log.isEnabledFor(level):
            now = time()
            self._log.handle(self._records.record(level, self._story.told(facts, outcome, now, slow=slow), now))
