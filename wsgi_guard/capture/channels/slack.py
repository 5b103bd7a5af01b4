"""Alerts to an incoming webhook of Slack."""

from __future__ import annotations

import json

from wsgi_guard.capture.alerts.notice import Message
from wsgi_guard.settings.secret import Secret

from .wire import post

LONGEST = 3_000
"""Characters; Slack cuts messages at 4,000 and advises less."""


class Slack:
    name = "slack"

    def __init__(self, url: Secret, ca: str | None, proxy: Secret | None = None) -> None:
        self._url = url
        self._proxy = proxy
        self._ca = ca

    def deliver(self, message: Message, timeout: float) -> None:
        body = json.dumps({"text": escaped(message.text()), "unfurl_links": False})
        post(self._url.reveal(), body.encode(), {}, ca=self._ca, timeout=timeout, proxy=self._proxy)


def escaped(text: str) -> str:
    """What Slack shows as it is: no link, mention or markup of the text's own."""
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    plain = cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")
    first, _, rest = plain.partition("\n")
    return f"{first}\n```{rest}```" if rest else first
