"""The causes that a process has seen and that may need another message; bounded, the one idle longest goes first."""

from __future__ import annotations

from wsgi_guard.capture.decide import LEVELS, graver
from wsgi_guard.capture.events import Event

MOST = 256
LOOK_EVERY = 5.0
"""Seconds between two looks at a cause of which nothing new came."""


class Cause:
    """`delta` errors are not in the store yet; `severity` is the gravest seen, `told_severity` the gravest told of.

    `escalated`: a message of this process said that it got worse.
    """

    __slots__ = ("delta", "escalated", "event", "look_at", "reason", "severity", "told_severity")

    def __init__(self, event: Event) -> None:
        self.delta = 0
        self.event = event
        self.severity = event.severity
        self.told_severity = ""
        self.escalated = False
        self.reason = ""
        self.look_at = 0.0

    def add(self, count: int, event: Event) -> None:
        self.delta += count
        self.event = event
        self.severity = graver(self.severity, event.severity)

    @property
    def graver(self) -> bool:
        return bool(self.told_severity) and LEVELS[self.severity] > LEVELS[self.told_severity]


class Causes(dict[str, Cause]):
    """By fingerprint."""

    def add(self, fingerprint: str, count: int, event: Event) -> None:
        cause = self.pop(fingerprint, None) or Cause(event)
        cause.add(count, event)
        self[fingerprint] = cause
        if len(self) > MOST:
            del self[next(iter(self))]

    def due(self, now: float) -> list[tuple[str, Cause]]:
        return [(key, cause) for key, cause in self.items() if cause.delta or now >= cause.look_at]
