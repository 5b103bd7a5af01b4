"""What is told of a request at its end, in a record of logging or in a line that goes past it."""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from wsgi_guard.facts import Decision, Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.redact import Redactor, one_line
from wsgi_guard.shown import decision_id, has_target, shown_path, shown_target

from .decide import METHODS, queued

PATH = "shown"
METHOD, IDENTITY = 20, 200  # characters that are kept
DECISIONS = 20
"""Decisions of one request that its line names; the audit line has more of them."""

ENDS = ("disconnect", "abandoned", "error")


class Story:
    """What both forms share; with `targets` it tells of queries and escaped paths. `now` is when the request ended."""

    def __init__(self, redactor: Redactor, *, targets: bool) -> None:
        self._redactor = redactor
        self._targets = targets

    def path(self, facts: Facts) -> str:
        memo = facts.route.memo
        path: str | None = memo.get(PATH)
        if path is None:
            path = memo[PATH] = shown_path(facts, self._redactor)
        return path

    def middle(self, facts: Facts, endpoint: str, code: int) -> str:
        """The JSON between trace id and size, kept under the key that it is asked for by."""
        method = facts.method
        middle = (
            f'","method":{quoted(shown_method(method))},"path":{quoted(self.path(facts))},"route":{quoted(endpoint)},'
            f'"status":{code},"bytes":'
        )
        # Clients can invent methods without end.
        if method in METHODS:
            facts.route.memo[endpoint, method, code] = middle
        return middle

    def more(self, facts: Facts, outcome: Outcome, now: float, slow: bool) -> dict[str, Any]:
        """What most requests have not."""
        more: dict[str, Any] = {}
        if facts.db_queries:
            more["db_seconds"], more["db_queries"] = round(facts.db_seconds, 6), facts.db_queries
        if facts.decisions:
            more["decisions"] = [_decided(facts, at, one) for at, one in enumerate(facts.decisions[:DECISIONS])]
        if facts.error_id:
            more["error_id"] = facts.error_id
        if outcome.end in ENDS:
            more["end"] = outcome.end
        waited = _waited(facts, now - outcome.duration)
        if waited is not None:
            more["queue"] = round(waited, 6)
        if slow:
            more["slow"] = True
        if self._targets and has_target(facts.environ):
            more["target"] = shown_target(facts, self.path(facts), self._redactor)
        return more


def shown_method(method: str) -> str:
    return method if len(method) < METHOD else one_line(method[:METHOD])


def _decided(facts: Facts, at: int, one: Decision) -> dict[str, str]:
    told = {"id": decision_id(facts, at), "layer": one.layer, "verdict": one.verdict, "rule": one.rule}
    return {**told, "part": one.part} if one.part else told


def _waited(facts: Facts, began: float) -> float | None:
    """How long the request waited for a worker, by the clock of a proxy that is believed."""
    environ = facts.environ
    header = environ.get("HTTP_X_REQUEST_START") or environ.get("HTTP_X_QUEUE_START")
    return queued(header, began) if type(header) is str and facts.told_by_proxy else None
