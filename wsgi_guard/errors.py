"""Exceptions of the guard, each with the status it would like to become.

A `Refused` is an answer on its way: raised inside application code or a layer, it becomes that answer, never an
error event. Texts here may reach the client, so they hold no value of the client's and no secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class GuardError(Exception):
    """Root of all exceptions raised on purpose by wsgi_guard."""


class Refused(GuardError):
    """The request is refused with `status`; the guard turns it into an RFC 9457 answer.

    `detail` is shown to the client. `headers` are added to the answer, `members` to the problem document.
    `type` is a problem type URI, "about:blank" when the status says it all.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        type: str = "about:blank",
        title: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.type = type
        self.title = title
        self.headers = tuple(headers)
        self.members = dict(members or {})


class Outage(Refused):
    """A thing the request needs is away: 503 with `Retry-After` in whole seconds.

    `what` names it for the log ("pool 'main'"); the client reads only a general sentence.
    """

    def __init__(self, what: str, *, retry_after: int = 5) -> None:
        super().__init__(
            503,
            "a service this request needs is not available",
            headers=(("Retry-After", str(retry_after)),),
        )
        self.what = what
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.what} is not available"


class Unchecked(GuardError):
    """A check that was asked for could not be made; the request is answered 500, whatever `guard.on_layer_error` says.
    """


class ConfigurationError(GuardError):
    """The settings cannot be used; `problems` holds every one found, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"wsgi_guard cannot start, {len(self.problems)} problem(s) in its settings:\n{lines}")


class StoreError(GuardError):
    """A store did not answer in time, answered nonsense, or is known to be away."""
