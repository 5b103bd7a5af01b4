"""What is told of a request at its end, in a record of logging or in a line that goes past it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from wsgi_guard.facts import Decision, Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.named import METHODS
from wsgi_guard.recent import Recent
from wsgi_guard.redact import Redactor, one_line
from wsgi_guard.shown import decision_id, has_target, shown_path, shown_target

from .decide import queued
from .endpoints import Endpoints
from .lines import CLOCK, compact
from .records import NAME

PATH = "shown"
METHOD, IDENTITY = 20, 200  # characters that are kept
TOKEN = 12
"""Characters of the shortest identity that is looked at for secrets: a card number has so many."""
DECISIONS = 20
"""Decisions of one request that its line names; the audit line has more of them."""

SECONDS = "%.6f"
"""Takes less time than the same format within a string does."""

ENDS = ("disconnect", "abandoned", "error")
QUICK, SLOW = (
    f'","level":"{logging.getLevelName(level)}","logger":"{NAME}","request_id":"'
    for level in (logging.INFO, logging.WARNING)
)


class Story:
    """What both forms share; with `targets` it tells of queries and escaped paths. `now` is when the request ended."""

    def __init__(self, redactor: Redactor, endpoints: Endpoints, *, targets: bool) -> None:
        self._redactor = redactor
        self._endpoints = endpoints
        self._targets = targets
        self._identities: Recent[str, str] = Recent(512)
        self._tails: Recent[tuple[str, str, str, str], str] = Recent(256)

    def _shown(self, identity: str) -> str:
        """An app may call somebody by a token; what is short is a name."""
        if len(identity) < TOKEN:
            return identity
        begins = identity[: 2 * IDENTITY]
        shown = self._identities.get(begins)
        if shown is None:
            shown = self._redactor.text(begins)[:IDENTITY]
            self._identities.put(begins, shown)
        return shown

    def line(self, facts: Facts, outcome: Outcome, now: float, dumps: Callable[[Any], str], *, slow: bool) -> str:
        """All of it as one line of JSON with its end, in ASCII; the parts that stay are kept with the path."""
        code, duration, end, _, _, size = outcome
        endpoint = facts.endpoint or self._endpoints.of(facts)
        route, client = facts.known_route or facts.route, facts.known_client or facts.client
        middle = route.memo.get((endpoint, facts.method, code)) or self.middle(facts, endpoint, code)
        identity, environ, own = facts.known_identity, facts.environ, facts.request_id
        # As `trace_id`, whose call most requests have no need of.
        trace = facts.trace_id if "HTTP_TRACEPARENT" in environ or "HTTP_X_REQUEST_ID" in environ else own
        rest = "}"
        # What `more` asks, in place: most requests have nothing of it.
        if (
            slow or facts.db_queries or facts.error_id or (end != "return" and end in ENDS)
            or "HTTP_X_REQUEST_START" in environ or "HTTP_X_QUEUE_START" in environ
            or (self._targets and has_target(environ))
        ):  # fmt: skip
            more = self.more(facts, outcome, now, slow)
            if more:
                rest = "," + dumps(more)[1:]
        elif facts.decisions or facts.again:
            # A flood is nothing but such lines.
            decided = enumerate(facts.decided[:DECISIONS])
            told = ",".join([f'{{"id":"{decision_id(facts, at)}{self._tail(one)}' for at, one in decided])
            rest = f',"decisions":[{told}]}}'
        # An id is hex digits, or of the letters that `client.REQUEST_ID` allows; an address is one that was parsed.
        return (
            f'{{"time":"{CLOCK.text(now)}{SLOW if slow else QUICK}{own}","trace_id":"{trace}'
            f'{middle}{"null" if size is None else size},"duration":{SECONDS % duration},"client":"{client.ip}",'
            f'"identity":{"null" if identity is None else quoted(self._shown(identity))}{rest}\n'
        )

    def _tail(self, one: Decision) -> str:
        """The JSON of a decision behind its id, with its end."""
        key = one.layer, one.verdict, one.rule, one.part
        tail = self._tails.get(key)
        if tail is None:
            tail = f'",{compact(_verdict(one))[1:]}'
            self._tails.put(key, tail)
        return tail

    def told(self, facts: Facts, outcome: Outcome, now: float, *, slow: bool) -> dict[str, Any]:
        """The same as a dict, for a record of logging."""
        method, identity = facts.method, facts.known_identity
        return {
            "request_id": facts.request_id, "trace_id": facts.trace_id, "method": shown_method(method),
            "path": self.path(facts), "route": facts.endpoint or self._endpoints.of(facts), "status": outcome.code,
            "bytes": outcome.size,
            # Microseconds, in half the time of `round`.
            "duration": int(outcome.duration * 1e6) / 1e6, "client": facts.client.ip,
            "identity": identity if identity is None else self._shown(identity),
            **self.more(facts, outcome, now, slow),
        }  # fmt: skip

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
        if facts.decisions or facts.again:
            decided = enumerate(facts.decided[:DECISIONS])
            more["decisions"] = [{"id": decision_id(facts, at), **_verdict(one)} for at, one in decided]
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


def _verdict(one: Decision) -> dict[str, str]:
    """What a line tells of a decision behind its id."""
    told = {"layer": one.layer, "verdict": one.verdict, "rule": one.rule}
    return {**told, "part": one.part} if one.part else told


def _waited(facts: Facts, began: float) -> float | None:
    """How long the request waited for a worker, by the clock of a proxy that is believed."""
    environ = facts.environ
    header = environ.get("HTTP_X_REQUEST_START") or environ.get("HTTP_X_QUEUE_START")
    return queued(header, began) if type(header) is str and facts.told_by_proxy else None
