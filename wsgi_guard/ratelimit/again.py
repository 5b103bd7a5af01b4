"""The answer to who is denied again, made once a second for each denied key: a flood must cost less than the app would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Header, Reply
from wsgi_guard.problem import prefers_html, problem

from .answer import refusal
from .decide import Verdict

# Stands where a request's own id goes; as long as the ids that the guard makes.
PLACE = "0123456789abcdef" * 2


class Again(NamedTuple):
    """A whole answer but for the request's id: `body` in front of it and behind it. `wait` is what it tells."""

    wait: int
    html: bool
    head: bool
    status: str
    headers: tuple[Header, ...]
    front: bytes
    back: bytes

    def fits(self, facts: Facts, wait: int) -> bool:
        """Whether it is the answer to this request: an id of another length would change the length of the body."""
        return (
            self.wait == wait
            and len(facts.request_id) == len(PLACE)
            and self.head == (facts.method == "HEAD")
            and self.html == prefers_html(facts.environ.get("HTTP_ACCEPT", ""))
        )

    def reply(self, facts: Facts) -> Reply:
        body = self.front + facts.request_id.encode() + self.back if self.front else b""
        return Reply(self.status, self.headers, body)


def make(facts: Facts, verdict: Verdict, fields: Sequence[Header]) -> Again:
    found = problem(facts.environ, refusal(verdict, fields), PLACE)
    front, _, back = found.body.partition(PLACE.encode())
    html = prefers_html(facts.environ.get("HTTP_ACCEPT", ""))
    return Again(verdict.wait, html, facts.method == "HEAD", found.status, found.headers, front, back)
