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
        """Hands over to the SDK and waits for its own thread to send. Raises DeliveryError for what is not taken."""
        before, sent = self._client.told(), 0
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
            sent += 1
        self._client.flush(timeout)
        after = self._client.told()
        if not sent or before is None or after is None:
            return
        if after[1] > before[1]:
            raise DeliveryError("it was lost on its way")
        if after[0] == before[0]:
            raise DeliveryError(f"nothing was taken within {timeout:g} s")
