"""Alerts by SMTP. A certificate is always verified; only a server on a loopback address may be without TLS."""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate
from typing import Any

from wsgi_guard.capture.alerts.notice import Message
from wsgi_guard.deadline import Line, described, within
from wsgi_guard.settings.alert_relations import is_loopback
from wsgi_guard.settings.sections import EmailSection

from .wire import DeliveryError, verified

TLS_PORT = 465  # RFC 8314, 3.3
SUBJECT = 200

log = logging.getLogger("wsgi_guard.alerts")


class _Client(smtplib.SMTP):
    """A client that connects by a Line, and with `context` by TLS from the first byte."""

    def __init__(self, server: str, line: Line, context: ssl.SSLContext | None) -> None:
        super().__init__()
        # STARTTLS compares the certificate with this name, which otherwise only a connecting constructor sets.
        self._host = server
        self._line = line
        self._context = context

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = self._line.open(host, port)
        return plain if self._context is None else self._context.wrap_socket(plain, server_hostname=host)


class Email:
    name = "email"

    def __init__(self, section: EmailSection, ca: str | None) -> None:
        self._section = section
        self._server = section.server or ""
        self._ca = ca
        self._security = section.security
        if self._security == "auto" and section.port == TLS_PORT:
            self._security = "tls"

    def deliver(self, message: Message, timeout: float) -> None:
        try:
            refused = within(timeout, lambda line: self._send(message, _Client(self._server, line, self._context())))
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(f"{type(error).__name__}: {error.smtp_code}") from None
        except (OSError, ValueError) as error:
            raise DeliveryError(described(error)) from None
        for address, (code, _) in refused.items():
            log.warning("the mail server does not take alerts for %r: %d", address, code)

    def _context(self) -> ssl.SSLContext | None:
        return verified(self._ca) if self._security == "tls" else None

    def _send(self, message: Message, client: smtplib.SMTP) -> dict[str, tuple[int, bytes]]:
        """The recipients that the server does not take, each with its code and words."""
        section = self._section
        try:
            client.connect(self._server, section.port)
            self._secure(client)
            if section.password is not None:
                client.login(section.user or section.sender or "", section.password.reveal())
            refused = client.send_message(self._letter(message), section.sender, list(section.recipients))
            # The others have it, whatever becomes of the goodbye.
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
            return refused
        finally:
            client.close()

    def _secure(self, client: smtplib.SMTP) -> None:
        client.ehlo_or_helo_if_needed()
        if self._security == "starttls" or (self._security == "auto" and client.has_extn("starttls")):
            client.starttls(context=verified(self._ca))
            client.ehlo_or_helo_if_needed()
        elif self._security == "auto" and not is_loopback(self._server):
            raise ssl.SSLError("the server offers no STARTTLS")

    def _letter(self, message: Message) -> EmailMessage:
        section = self._section
        letter: Any = EmailMessage(policy=WIRE)
        letter["Subject"] = f"[wsgi_guard] {message.subject()}"[:SUBJECT]
        letter["From"] = section.sender
        letter["To"] = ", ".join(section.recipients)
        letter["Date"] = formatdate()
        # The same for each attempt, so that a receiver knows a repetition.
        domain = (section.sender or "").rpartition("@")[2]
        letter["Message-ID"] = f"<{message.id}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5
        letter.set_content(message.text())
        return letter  # type: ignore[no-any-return]
