"""The answer to who is denied again, made once a second for each denied key: a flood must cost less than the app would.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Header, Reply
from wsgi_guard.problem import ACCEPT_LIMIT, prefers_html, problem

from .answer import refusal
from .decide import Standing, Verdict
from .denials import Denial

# Stands where a request's own id goes; as long as the ids that the guard makes.
PLACE = "0123456789abcdef" * 2


class Again:
    """An answer of `verdict`, whole but for the request's id, good while each of `known` tells the same whole seconds.

    Raises ValueError where it could not serve another request: an id of another length changes that of the body.
    """

    __slots__ = ("_accept", "_back", "_front", "_html", "_method", "_reply", "generation", "known", "until")

    def __init__(
        self, facts: Facts, verdict: Verdict, fields: Sequence[Header], known: Sequence[Denial], now: float
    ) -> None:
        accept = facts.environ.get("HTTP_ACCEPT", "")
        if len(facts.request_id) != len(PLACE) or len(accept) > ACCEPT_LIMIT:
            raise ValueError("this request is like no other")
        self._accept, self._html, self._method = accept, prefers_html(accept), facts.method
        self._reply = problem(facts.environ, refusal(verdict, fields), PLACE)
        self._front, _, self._back = self._reply.body.partition(PLACE.encode())
        self.known = known
        self.generation = known[0].generation
        self.until = min(next_second(denial.until, now) for denial in known)

    def reply(self, facts: Facts) -> Reply | None:
        """The answer to this request; None where it wants another kind of answer."""
        accept = facts.environ.get("HTTP_ACCEPT", "")
        if facts.method != self._method or (accept != self._accept and prefers_html(accept) != self._html):
            return None
        request_id = facts.request_id
        if len(request_id) != len(PLACE):
            return None
        status, headers, body = self._reply
        return Reply(status, headers, self._front + request_id.encode() + self._back if body else b"")


def next_second(until: float, now: float) -> float:
    """When the whole seconds from `now` to `until`, rounded up, are one less; at the latest `until` itself."""
    return until - max(0, ceil(until - now) - 1)


def spent_standings(known: Sequence[Denial], now: float) -> list[Standing]:
    """How limits stand that are known to be over, the longest to wait first."""
    return sorted((0, -ceil(denial.until - now), denial.quota.label, denial.quota) for denial in known)
