"""Alerts to Sentry, as messages. Errors go there as events of their own, so what is new as such is not told twice."""

from __future__ import annotations

from wsgi_guard.capture.alerts.decide import FIRST
from wsgi_guard.capture.alerts.notice import Message
from wsgi_guard.capture.sentry import Sentry as Client

from .wire import DeliveryError


class Sentry:
    name = "sentry"

    def __init__(self, client: Client) -> None:
        self._client = client

    def deliver(self, message: Message, timeout: float) -> None:
        """Hands over to the SDK and waits for its own thread to send; what is lost there `capture.report` tells."""
        for notice in message.notices:
            if notice.kind == FIRST and notice.event is not None and not notice.reason:
                continue
            tags = {"kind": notice.kind, "category": notice.category, "wsgi_guard.key": notice.key[:200]}
            if notice.error_id:
                tags["error_id"] = notice.error_id
            try:
                self._client.tell(notice.headline(), notice.severity, tags)
            except Exception as error:
                raise DeliveryError(type(error).__name__) from None
        self._client.flush(timeout)
