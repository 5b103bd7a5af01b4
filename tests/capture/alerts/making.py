"""Events, notices and guards with alerts, made in a line."""

from __future__ import annotations

from typing import Any

from wsgi_guard.capture.alerts.desk import Desk
from wsgi_guard.capture.alerts.notice import Notice
from wsgi_guard.capture.events import Event
from wsgi_guard.guard import Guard

from .failing import app


def event(**more: Any) -> Event:
    usual: dict[str, Any] = {
        "id": "0" * 32, "service": "app", "severity": "ERROR", "category": "other", "type": "E", "message": "m",
        "fingerprint": "f" * 16,
    }  # fmt: skip
    return Event(**{**usual, **more})


def notice(**more: Any) -> Notice:
    usual: dict[str, Any] = {"kind": "first", "key": "k", "title": "t", "severity": "ERROR", "category": "other"}
    return Notice(**{**usual, **more})


def guarded(alerts: dict[str, Any], **tables: Any) -> Guard:
    """The failing app with alerts, counted in this process."""
    settings = {"rate_limit": {"store": "memory"}, "alerts": alerts, "health": {}, **tables}
    return Guard(app, settings, only=())


def desk_of(guard: Guard) -> Desk:
    desk = guard.stack.capture.alerts
    assert desk is not None
    return desk


def kinds(taken: list[Any]) -> list[tuple[str, int, int]]:
    """Of what a webhook took: kind, count and total of each notice."""
    return [(one["kind"], one["count"], one["total"]) for _, told, _ in taken for one in told["alerts"]]
