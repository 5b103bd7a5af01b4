"""What channels have in common: a failure, and one POST over HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Protocol

from wsgi_guard.capture.alerts.notice import Message
from wsgi_guard.deadline import described
from wsgi_guard.errors import GuardError
from wsgi_guard.fetch import fetch
from wsgi_guard.settings.secret import Secret


class DeliveryError(Exception):
    """A message did not arrive. The text is for the log: no address with a secret in it, nothing of the message.

    `final`: sending it again makes no sense. `pause`: seconds the receiver asked to wait, 0 for none.
    """

    def __init__(self, text: str, *, final: bool = False, pause: float = 0.0) -> None:
        super().__init__(text)
        self.final = final
        self.pause = pause


class Channel(Protocol):
    name: str

    def deliver(self, message: Message, timeout: float) -> None:
        """Raises DeliveryError, after about `timeout` seconds at the latest."""
        ...


def verified(ca: str | None) -> ssl.SSLContext:
    """TLS that proves the server's name, by the system's certificates or those of the file `ca`."""
    return ssl.create_default_context(cafile=ca)


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, ca: str | None, timeout: float, proxy: Secret | None = None
) -> None:
    """Sends JSON and takes any 2xx for a yes, whatever follows it; the address is a secret of its owner."""
    try:
        context = verified(ca) if url.startswith("https:") else None
        via = proxy.reveal() if proxy else None
        answer = fetch(url, headers, timeout, body, context=context, largest=0, proxy=via)
    except (OSError, GuardError, ValueError) as error:
        raise DeliveryError(str(error) if isinstance(error, GuardError) else described(error)) from None
    if not 200 <= answer.status < 300:
        # What the receiver calls a mistake of the sender's stays one; a 408 and a 429 are about the time.
        final = 400 <= answer.status < 500 and answer.status not in (408, 429)
        raise DeliveryError(f"answered {answer.status}", final=final, pause=_pause(answer.headers.get("Retry-After")))


def _pause(text: str | None) -> float:
    return float(text[:4]) if text is not None and text.isascii() and text.isdigit() else 0.0
