"""Alerts as signed JSON to an address of the user's own.

The signature is HMAC-SHA256 over the time of sending, a dot and the body, in hexadecimal; a receiver compares it and
refuses what is older than a few minutes. `id` is the same in each attempt, so that a repetition is known.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from wsgi_guard.capture.alerts.notice import SHOWN, Message
from wsgi_guard.settings.sections import WebhookSection

from .wire import post


class Webhook:
    name = "webhook"

    def __init__(self, section: WebhookSection, ca: str | None) -> None:
        self._url = section.url.reveal() if section.url else ""
        self._secret = section.secret.reveal().encode() if section.secret else b""
        self._ca = ca
        self._proxy = section.proxy

    def deliver(self, message: Message, timeout: float) -> None:
        body = document(message)
        sent = str(int(time.time()))
        headers = {"X-WSGI-Guard-Id": message.id, "X-WSGI-Guard-Timestamp": sent}
        if self._secret:
            headers["X-WSGI-Guard-Signature"] = f"sha256={signature(self._secret, sent, body)}"
        post(self._url, body, headers, ca=self._ca, timeout=timeout, proxy=self._proxy)


def document(message: Message) -> bytes:
    told = {
        "version": 1, "id": message.id, "subject": message.subject(), "severity": message.severity,
        "sender": message.sender._asdict(),
        "alerts": [notice.as_dict() for notice in message.notices[:SHOWN]],
        "more": max(0, len(message.notices) - SHOWN) + message.more,
    }  # fmt: skip
    return json.dumps(told, default=str).encode()


def signature(secret: bytes, sent: str, body: bytes) -> str:
    return hmac.new(secret, sent.encode() + b"." + body, hashlib.sha256).hexdigest()
