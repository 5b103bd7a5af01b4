"""How alerts stand in this process and on its host: what the admin page and health tell, and other processes learn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from wsgi_guard.capture.ledger import Ledger
from wsgi_guard.reports import Unproved

from .news import COUNTED, News, Page, overview, troubles
from .outbox import Outbox

TOLD = 6
"""Messages under way that the others of the host get to know, the newest: about 10 KB."""
FRESH = 1.0
"""Seconds for which health takes what the other processes told as it was: anybody may ask it, as often as they like."""
LASTING = ("dropped", "lost", "untracked")
"""Counts since the start of the server, not of the process."""


class Account:
    """`more` tells the numbers that the outbox does not have."""

    def __init__(self, outbox: Outbox, more: Callable[[], Page]) -> None:
        self._outbox = outbox
        self._more = more
        self.ledger: Ledger | None = None
        self.begin()

    def begin(self) -> None:
        """The state of one process."""
        self._before: Page = {}
        self._others: list[Page] = []
        self._read_at = 0.0

    def inherit(self, page: Page) -> None:
        """Goes on with the numbers of a process that is gone."""
        self._before = {name: value for name, value in page.items() if name != "under_way"}

    @property
    def shared(self) -> bool:
        """Whether another process of the host goes on with what this one leaves."""
        return self.ledger is not None and self.ledger.shared

    def report(self) -> str | None:
        """What keeps alerts from their readers, in a sentence; Unproved until each channel has taken a message."""
        now = time.time()
        if not 0 <= now - self._read_at < FRESH:
            self._others, self._read_at = self._pages_of_others(), now
        pages = [self._numbers(), *self._others]
        seen = overview(self._outbox.names, pages, now)
        idle = ", ".join(channel["name"] for channel in seen["channels"] if not channel["delivered"])
        unproved = Unproved(f"{idle}: configured, but nothing was delivered there yet") if idle else None
        return troubles(seen, pages, now) or unproved

    def state(self) -> dict[str, Any]:
        return overview(self._outbox.names, [self._numbers(), *self._pages_of_others()], time.time())

    def page(self) -> Page:
        under_way = [
            ({**sent.packed(), "delivered": delivered}, names)
            for sent, names, delivered in self._outbox.under_way()[-TOLD:]
        ]
        return {**self._numbers(), "under_way": under_way}

    def _pages_of_others(self) -> list[Page]:
        return [page.get("alerts", {}) for page in self.ledger.others()] if self.ledger is not None else []

    def _numbers(self) -> Page:
        outbox, before = self._outbox, self._before
        was = before.get("channels", {})
        mine = {"queued": outbox.queued(), "dropped": outbox.dropped, "lost": outbox.lost, **self._more()}
        sums = {name: mine[name] + (before.get(name, 0) if name in LASTING else 0) for name in COUNTED}
        return {
            "channels": {name: self._channel(name, news, was.get(name, {})) for name, news in outbox.news.items()},
            **sums,
            "lost_at": max(outbox.lost_at, before.get("lost_at", 0.0)),
            "store_away": mine["store_away"],
        }

    def _channel(self, name: str, news: News, was: Page) -> Page:
        newer = max(news.arrived_at, news.failed_at) >= was.get("failed_at", 0.0)
        return {
            "delivered": self._outbox.delivered[name] + was.get("delivered", 0),
            "failed": self._outbox.failed[name] + was.get("failed", 0),
            "arrived_at": max(news.arrived_at, was.get("arrived_at", 0.0)),
            "failed_at": max(news.failed_at, was.get("failed_at", 0.0)),
            "cause": news.cause if newer else was.get("cause", ""),
        }
