"""The access log past logging, to a file or to standard error; many lines in a short time are one write.

A line is put together in one place and from parts that are kept with its path: each call less is felt here.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from json.encoder import encode_basestring_ascii as quoted
from time import time

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.settings.sections import LogSection
from wsgi_guard.shown import has_target

from .batch import Batch
from .endpoints import Endpoints
from .file import File
from .lines import CLOCK
from .records import NAME
from .story import ENDS, IDENTITY, Story

log = logging.getLogger("wsgi_guard")

QUICK, SLOW = (f'","level":"{level}","logger":"{NAME}","request_id":"' for level in ("INFO", "WARNING"))


class DirectLog:
    """What cannot be written is counted, and said once for each new reason. Raises ValueError without its package."""

    name = "log"

    def __init__(self, section: LogSection, story: Story, endpoints: Endpoints) -> None:
        if find_spec("orjson") is None:
            raise ValueError("log.handler: 'direct' needs the package orjson, which the extra wsgi-guard[fast] brings")
        self._slow, self._targets = section.slow, section.target
        self._story = story
        self._endpoints = endpoints
        self._path = section.file
        self._said = ""
        self.lost = 0

    def start(self) -> None:
        """Raises OSError when the file cannot be opened."""
        import orjson

        self._dumps = orjson.dumps
        self.file = File(self._path)
        self._batch = Batch(self._write)

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        code, duration, end, _, _, size = outcome
        now, slow, environ = time(), duration >= self._slow, facts.environ
        endpoint = facts.endpoint or self._endpoints.of(facts)
        middle = facts.route.memo.get((endpoint, facts.method, code)) or self._story.middle(facts, endpoint, code)
        identity = facts.known_identity
        # An id is hex digits, or of the letters that `client.REQUEST_ID` allows.
        line = (
            f'{{"time":"{CLOCK.text(now)}{SLOW if slow else QUICK}{facts.request_id}","trace_id":"{facts.trace_id}'
            f'{middle}{"null" if size is None else size},"duration":{duration:.6f},"client":{quoted(facts.client.ip)},'
            f'"identity":{"null" if identity is None else quoted(identity[:IDENTITY])}'
        )
        # The same is asked in access.py, and in place there too: a call would be felt.
        if (
            slow or facts.decisions or facts.db_queries or facts.error_id or end in ENDS
            or "HTTP_X_REQUEST_START" in environ or "HTTP_X_QUEUE_START" in environ
            or (self._targets and has_target(environ))
        ):  # fmt: skip
            more = self._dumps(self._story.more(facts, outcome, now, slow))
            self._batch.add(b"%b,%b\n" % (line.encode(), more[1:]), now)
        else:
            self._batch.add(f"{line}}}\n".encode(), now)

    def _write(self, lines: list[bytes], now: float) -> None:
        try:
            self.file.write(b"".join(lines), now)
        except OSError as error:
            self._lose(len(lines), error)

    def _lose(self, count: int, error: OSError) -> None:
        self.lost += count
        reason = os.strerror(error.errno or 0)
        if reason != self._said:
            self._said = reason
            log.error("an access line could not be written: %s; further ones are counted only", reason)
