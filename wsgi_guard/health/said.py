"""What runs of checks are worth in the log beside their results: each thing once, until it changes.

Answers and alerts name the class of an exception only; its text, secrets out, is for who reads the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from wsgi_guard.redact import Redactor, one_line, plain_text

from .checks import BOUNDS
from .decide import FAIL, UNKNOWN, Check, Reading
from .thresholds import untaken

logger = logging.getLogger("wsgi_guard.health")

LONGEST = 500  # characters of a text
_REDACTOR = Redactor()


class Said:
    """For one process."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._texts: dict[str, str] = {}
        # Checks whose thresholds were held against what a run measured.
        self._measured: set[str] = set()

    def raised(self, name: str, error: BaseException) -> None:
        """`error` ended a run of the check."""
        text = one_line(f"{type(error).__name__}: {_REDACTOR.error(plain_text(error), LONGEST)}")
        if self._texts.get(name) != text:
            self._texts[name] = text
            logger.info("check %r raised %s", name, text)

    def ended(self, name: str, reading: Reading) -> None:
        """A run has ended so."""
        if reading.status in (FAIL, UNKNOWN):
            return
        self._texts.pop(name, None)
        if name in self._measured:
            return
        self._measured.add(name)
        check = self._checks[name]
        warn, fail = BOUNDS.get(check.kind, ((), ()))
        missing = untaken(reading, check, (*warn, *fail))
        if missing:
            known = ", ".join(map(repr, sorted({*reading.observed, "duration_ms"})))
            logger.warning("check %r has thresholds of %s, but measured only %s", name, ", ".join(missing), known)
