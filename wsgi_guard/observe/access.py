"""The access log: a record of logging for each request, at its end."""

from __future__ import annotations

import logging
from time import time

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.redact import Redactor
from wsgi_guard.settings.sections import LogSection
from wsgi_guard.shown import has_target

from .direct import DirectLog
from .endpoints import Endpoints
from .records import NAME, Records
from .story import ENDS, IDENTITY, METHOD, PATH, Story, shown_method


class AccessLog:
    """Watches every request from outside all layers; what nobody listens to is not put together."""

    name = "log"

    def __init__(self, section: LogSection, story: Story, endpoints: Endpoints) -> None:
        self._slow, self._targets = section.slow, section.target
        self._story = story
        self._endpoints = endpoints
        self._log = logging.getLogger(NAME)

    def start(self) -> None:
        self._records = Records(self._log)

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        code, duration, end, _, _, size = outcome
        slow = duration >= self._slow
        level = logging.WARNING if slow else logging.INFO
        if not self._log.isEnabledFor(level):
            return
        now, method, identity, environ = time(), facts.method, facts.known_identity, facts.environ
        told = {
            "request_id": facts.request_id, "trace_id": facts.trace_id,
            "method": method if len(method) < METHOD else shown_method(method),
            "path": facts.route.memo.get(PATH) or self._story.path(facts),
            "route": facts.endpoint or self._endpoints.of(facts), "status": code, "bytes": size,
            # Microseconds, in half the time of `round`.
            "duration": int(duration * 1e6) / 1e6, "client": facts.client.ip,
            "identity": identity if identity is None else identity[:IDENTITY],
        }  # fmt: skip
        # The same is asked in direct.py, and in place there too.
        if (
            slow or facts.decisions or facts.db_queries or facts.error_id or end in ENDS
            or "HTTP_X_REQUEST_START" in environ or "HTTP_X_QUEUE_START" in environ
            or (self._targets and has_target(environ))
        ):  # fmt: skip
            told.update(self._story.more(facts, outcome, now, slow))
        self._log.handle(self._records.record(level, told, now))


def access_log(section: LogSection, redactor: Redactor, endpoints: Endpoints) -> AccessLog | DirectLog:
    """The layer that the settings ask for. Raises ValueError where they need a package that is not there."""
    story = Story(redactor, targets=section.target)
    return (DirectLog if section.handler == "direct" else AccessLog)(section, story, endpoints)
