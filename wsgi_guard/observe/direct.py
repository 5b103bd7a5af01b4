"""The access log past logging, to a file or to standard error; many lines in a short time are one write."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib.util import find_spec
from time import time
from typing import Any

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.settings.sections import LogSection

from .batch import Batch
from .file import File
from .story import Story

log = logging.getLogger("wsgi_guard")


class DirectLog:
    """What cannot be written is counted, and said once for each new reason. Raises ValueError without its package."""

    name = "log"

    def __init__(self, section: LogSection, story: Story) -> None:
        if find_spec("orjson") is None:
            raise ValueError("log.handler: 'direct' needs the package orjson, which the extra wsgi-guard[fast] brings")
        self._slow = section.slow
        self._story = story
        self._path = section.file
        self._said = ""
        self.lost = 0

    def start(self) -> None:
        """Raises OSError when the file cannot be opened."""
        import orjson

        self._dumps: Callable[[Any], str] = lambda told: orjson.dumps(told).decode()
        self.file = File(self._path)
        self._batch = Batch(self._write)

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        now = time()
        line = self._story.line(facts, outcome, now, self._dumps, slow=outcome.duration >= self._slow)
        self._batch.add(line.encode(), now)

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
