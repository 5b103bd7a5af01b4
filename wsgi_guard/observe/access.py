"""The access log: a record of logging for each request, at its end, or at once the line that it would become."""

from __future__ import annotations

import logging
from contextlib import suppress
from time import time

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.redact import Redactor
from wsgi_guard.settings.sections import LogSection

from .direct import DirectLog
from .endpoints import Endpoints
from .lines import compact
from .records import NAME, Records
from .story import Story
from .straight import Straight


class AccessLog:
    """Watches every request from outside all layers; what nobody listens to is not put together."""

    name = "log"

    def __init__(self, section: LogSection, story: Story) -> None:
        self._slow = section.slow
        self._story = story
        self._log = logging.getLogger(NAME)
        self._straight = Straight()

    def start(self) -> None:
        self._records = Records(self._log)

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        slow = outcome.duration >= self._slow
        level = logging.WARNING if slow else logging.INFO
        if not self._log.isEnabledFor(level):
            return
        now = time()
        output = self._straight.output(level)
        if output is not None:
            # What cannot be written is tried again by way of logging, which says so in its own words.
            with suppress(Exception):
                output.put(self._story.line(facts, outcome, now, compact, slow=slow), now)
                return
        told = self._story.told(facts, outcome, now, slow=slow)
        self._log.handle(self._records.record(level, told, now))


def access_log(section: LogSection, redactor: Redactor, endpoints: Endpoints) -> AccessLog | DirectLog:
    """The layer that the settings ask for. Raises ValueError where they need a package that is not there."""
    story = Story(redactor, endpoints, targets=section.target)
    return (DirectLog if section.handler == "direct" else AccessLog)(section, story)
