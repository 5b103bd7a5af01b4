"""What is told of a request at its end, as a dict for logging and as the same line at once.

The line is made from parts that are kept with the path: it costs half of what the dict does and its encoding.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from wsgi_guard.facts import Decision, Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.redact import Redactor, one_line
from wsgi_guard.shown import decision_id, has_target, shown_path, shown_target

from .decide import METHODS, queued
from .endpoints import Endpoints
from .lines import CLOCK

_PATH, _MIDDLE = "shown", "line"
METHOD, IDENTITY = 20, 200  # characters that are kept
DECISIONS = 20
"""Decisions of one request that its line names; the audit line has more of them."""

_ENDS = ("disconnect", "abandoned", "error")


class Story:
    """Tells of requests, and with `targets` of queries and escaped paths; `now` is the time of the end, Unix time."""

    def __init__(self, logger: str, redactor: Redactor, endpoints: Endpoints, *, targets: bool = True) -> None:
        self._redactor = redactor
        self._targets = targets
        self._endpoints = endpoints
        self._leads = {
            slow: f'","level":"{level}","logger":"{logger}","request_id":"'
            for slow, level in ((False, "INFO"), (True, "WARNING"))
        }

    def told(self, facts: Facts, outcome: Outcome, now: float, *, slow: bool) -> dict[str, Any]:
        code, duration, _, _, _, size = outcome
        told = {
            "request_id": facts.request_id, "trace_id": facts.trace_id, "method": _method(facts.method),
            "path": facts.route.memo.get(_PATH) or self._path(facts),
            "route": facts.endpoint or self._endpoints.of(facts), "status": code, "bytes": size,
            # Microseconds, in half the time of `round`.
            "duration": int(duration * 1e6) / 1e6, "client": facts.client.ip, "identity": _identity(facts),
        }  # fmt: skip
        more = self._more(facts, outcome, now, slow=slow)
        if more is not None:
            told.update(more)
        return told

    def line(self, facts: Facts, outcome: Outcome, now: float, *, slow: bool) -> tuple[str, dict[str, Any] | None]:
        """The JSON of `told` with time, level and logger, up to its last brace, and what is still to be told."""
        code, duration, _, _, _, size = outcome
        endpoint, method = facts.endpoint or self._endpoints.of(facts), facts.method
        middle = facts.route.memo.get((_MIDDLE, method, endpoint, code)) or self._middle(facts, method, endpoint, code)
        identity = _identity(facts)
        # An id is hex digits, or of the letters that `client.REQUEST_ID` allows.
        line = (
            f'{{"time":"{CLOCK.text(now)}{self._leads[slow]}{facts.request_id}","trace_id":"{facts.trace_id}{middle}'
            f'{"null" if size is None else size},"duration":{duration:.6f},"client":{quoted(facts.client.ip)},'
            f'"identity":{"null" if identity is None else quoted(identity)}'
        )
        return line, self._more(facts, outcome, now, slow=slow)

    def _middle(self, facts: Facts, method: str, endpoint: str, code: int) -> str:
        middle = (
            f'","method":{quoted(_method(method))},"path":{quoted(self._path(facts))},"route":{quoted(endpoint)},'
            f'"status":{code},"bytes":'
        )
        # Clients can invent methods without end.
        if method in METHODS:
            facts.route.memo[_MIDDLE, method, endpoint, code] = middle
        return middle

    def _path(self, facts: Facts) -> str:
        memo = facts.route.memo
        path: str | None = memo.get(_PATH)
        if path is None:
            path = memo[_PATH] = shown_path(facts, self._redactor)
        return path

    def _more(self, facts: Facts, outcome: Outcome, now: float, *, slow: bool) -> dict[str, Any] | None:
        """What most requests have not; None for them."""
        environ = facts.environ
        target = self._targets and has_target(environ)
        if not (
            target or slow or facts.decisions or facts.db_queries or facts.error_id or outcome.end in _ENDS
            or "HTTP_X_REQUEST_START" in environ or "HTTP_X_QUEUE_START" in environ
        ):  # fmt: skip
            return None
        more = _more(facts, outcome, now, slow=slow)
        if target:
            more["target"] = shown_target(facts, self._path(facts), self._redactor)
        return more


def _method(method: str) -> str:
    return method if len(method) < METHOD else one_line(method[:METHOD])


def _identity(facts: Facts) -> str | None:
    identity = facts.known_identity
    return identity if identity is None or len(identity) <= IDENTITY else identity[:IDENTITY]


def _more(facts: Facts, outcome: Outcome, now: float, *, slow: bool) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if facts.db_queries:
        more["db_seconds"], more["db_queries"] = round(facts.db_seconds, 6), facts.db_queries
    if facts.decisions:
        more["decisions"] = [_decided(facts, at, one) for at, one in enumerate(facts.decisions[:DECISIONS])]
    if facts.error_id:
        more["error_id"] = facts.error_id
    if outcome.end in _ENDS:
        more["end"] = outcome.end
    waited = _waited(facts, now - outcome.duration)
    if waited is not None:
        more["queue"] = round(waited, 6)
    if slow:
        more["slow"] = True
    return more


def _decided(facts: Facts, at: int, one: Decision) -> dict[str, str]:
    told = {"id": decision_id(facts, at), "layer": one.layer, "verdict": one.verdict, "rule": one.rule}
    return {**told, "part": one.part} if one.part else told


def _waited(facts: Facts, began: float) -> float | None:
    """How long the request waited for a worker, by the clock of a proxy that is believed."""
    environ = facts.environ
    header = environ.get("HTTP_X_REQUEST_START") or environ.get("HTTP_X_QUEUE_START")
    return queued(header, began) if type(header) is str and facts.told_by_proxy else None
