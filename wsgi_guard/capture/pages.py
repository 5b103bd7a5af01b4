"""The admin page of errors: totals, rates, the most frequent causes, and how alerts stand."""

from __future__ import annotations

from wsgi_guard.pages import Page

from .layer import Capture


def pages(prefix: str, capture: Capture) -> dict[str, Page]:
    return {f"{prefix}/stats": Page(lambda facts: {**capture.ledger.stats(), "alerts": _alerts(capture)})}


def _alerts(capture: Capture) -> dict[str, object]:
    desk = capture.alerts
    return {"channels": [], "state": "off"} if desk is None else desk.state()
