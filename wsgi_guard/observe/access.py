"""The access log: what is told of a request at its end, and the record that tells it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import time
from typing import Any

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.redact import Redactor, one_line
from wsgi_guard.settings.sections import LogSection
from wsgi_guard.shown import decision_id, shown_path

from .decide import queued
from .direct import NAME, Direct
from .endpoints import Endpoints

MESSAGE = "%s %s %s in %.1f ms"
_MEMO = "shown"
IDENTITY = 200  # characters that are kept
DECISIONS = 20
"""Decisions of one request that its line names; the audit line has more of them."""

_ENDS = ("disconnect", "abandoned", "error")


class AccessLog:
    """Watches every request from outside all layers; what nobody listens to is not put together.

    Raises ValueError where the settings ask for a package that is not there.
    """

    name = "log"

    def __init__(self, section: LogSection, redactor: Redactor, endpoints: Endpoints) -> None:
        self._slow = section.slow
        self._redactor = redactor
        self._endpoints = endpoints
        self._log = logging.getLogger(NAME)
        self._direct = Direct(section.file) if section.handler == "direct" else None
        self._write: Callable[[dict[str, Any], int, float], None] = self._direct.write if self._direct else self._record

    def start(self) -> None:
        if self._direct is not None:
            self._direct.open()

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        slow = outcome.duration >= self._slow
        level = logging.WARNING if slow else logging.INFO
        if self._direct is None and not self._log.isEnabledFor(level):
            return
        now = time()
        access = self._told(facts, outcome, now)
        if slow:
            access["slow"] = True
        self._write(access, level, now)

    def _told(self, facts: Facts, outcome: Outcome, now: float) -> dict[str, Any]:
        route = facts.route
        path = route.memo.get(_MEMO)
        if path is None:
            path = route.memo[_MEMO] = shown_path(facts, self._redactor)
        identity = facts.known_identity
        told: dict[str, Any] = {
            "request_id": facts.request_id,
            "trace_id": facts.trace_id,
            "method": facts.method if len(facts.method) < 20 else one_line(facts.method[:20]),
            "path": path,
            "route": self._endpoints.of(facts),
            "status": outcome.code,
            "bytes": outcome.size,
            "duration": round(outcome.duration, 6),
            "client": facts.client_ip,
            "identity": identity if identity is None or len(identity) <= IDENTITY else identity[:IDENTITY],
        }
        if facts.db_queries:
            told["db_seconds"], told["db_queries"] = round(facts.db_seconds, 6), facts.db_queries
        if facts.decisions is not None:
            told["decisions"] = [
                {"id": decision_id(facts, at), "layer": one.layer, "verdict": one.verdict, "rule": one.rule}
                for at, one in enumerate(facts.decisions[:DECISIONS])
            ]
        if facts.error_id:
            told["error_id"] = facts.error_id
        if outcome.end in _ENDS:
            told["end"] = outcome.end
        waited = _waited(facts, now - outcome.duration)
        if waited is not None:
            told["queue"] = round(waited, 6)
        return told

    def _record(self, access: dict[str, Any], level: int, now: float) -> None:
        log = self._log
        said = (one_line(access["method"]), access["path"], access["status"], access["duration"] * 1000)
        record = log.makeRecord(NAME, level, "(wsgi_guard)", 0, MESSAGE, said, None)
        told = record.__dict__
        told["access"] = access
        # The request may have ended where it is not the one that runs: its body was never closed.
        told["request_id"], told["trace_id"] = access["request_id"], access["trace_id"]
        log.handle(record)


def _waited(facts: Facts, began: float) -> float | None:
    """How long the request waited for a worker, by the clock of a proxy that is believed."""
    environ = facts.environ
    header = environ.get("HTTP_X_REQUEST_START") or environ.get("HTTP_X_QUEUE_START")
    return queued(header, began) if type(header) is str and facts.told_by_proxy else None
