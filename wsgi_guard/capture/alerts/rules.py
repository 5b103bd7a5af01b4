"""Thresholds as values, and which events they count. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from wsgi_guard.capture.decide import LEVELS
from wsgi_guard.capture.events import Event
from wsgi_guard.settings.sections import AlertRuleSection, AlertsSection

MINUTE = 60
ALL: frozenset[str] = frozenset()


class Rule(NamedTuple):
    """More than `most` events, or more than the part `ratio` of at least `requests` requests, in `window` seconds.

    It counts events of all its `categories` or with one of its `signs`, of its `severity` and graver ones, of requests
    to its `paths`; what is empty asks for nothing. `failures`: it counts the requests that failed, not events.
    """

    name: str
    window: int
    most: int = 0
    ratio: float = 0.0
    requests: int = 1
    categories: frozenset[str] = ALL
    signs: frozenset[str] = ALL
    severity: str = "DEBUG"
    paths: frozenset[str] = ALL
    failures: bool = False

    def counts(self, event: Event, paths: Collection[str]) -> bool:
        """Whether an event counts; `paths` are the templates that its request matches."""
        if LEVELS[event.severity] < LEVELS[self.severity] or (self.paths and self.paths.isdisjoint(paths)):
            return False
        if not self.categories and not self.signs:
            return True
        return event.category in self.categories or not self.signs.isdisjoint(event.signs)

    def title(self) -> str:
        span = "a minute" if self.window == MINUTE else f"{self.window} seconds"
        if self.ratio:
            return f"{self.name}: more than {self.ratio:.4g} of all requests failed in {span}"
        return f"{self.name}: more than {self.most} in {span}"


def rules_of(section: AlertsSection) -> tuple[Rule, ...]:
    """The built-in thresholds that are on, and the user's own."""
    found = []
    if section.critical_per_minute:
        found.append(Rule("critical", MINUTE, section.critical_per_minute, severity="CRITICAL"))
    if section.error_rate:
        ratio, least = section.error_rate, section.error_rate_requests
        found.append(Rule("error_rate", MINUTE, ratio=ratio, requests=least, failures=True))
    if section.websocket_failures:
        names = frozenset({"websocket"})
        found.append(Rule("websocket", MINUTE, section.websocket_failures, categories=names, signs=names))
    if section.database_connection_errors:
        signs = frozenset({"database_connection"})
        found.append(Rule("database_connection", MINUTE, section.database_connection_errors, signs=signs))
    return (*found, *(_own(one) for one in section.rules))


def _own(section: AlertRuleSection) -> Rule:
    return Rule(
        section.name, max(1, round(section.window)), section.count or 0, section.ratio or 0.0, section.requests,
        categories=frozenset(section.category), severity=section.severity or "DEBUG", paths=frozenset(section.path),
    )  # fmt: skip
