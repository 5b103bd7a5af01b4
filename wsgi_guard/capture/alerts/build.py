"""The desk that the settings describe, with its channels; None when there is nobody to alert."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from wsgi_guard.capture.channels.wire import Channel
from wsgi_guard.capture.sentry import Sentry
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings.alert_relations import channels_of
from wsgi_guard.settings.sections import AlertsSection
from wsgi_guard.stores import Store

from .decide import Policy
from .desk import Desk
from .notice import Sender
from .outbox import Outbox
from .routing import Routing
from .rules import rules_of


def build_desk(
    section: AlertsSection, sentry: Sentry | None, store: Callable[[], Store], alone: Callable[[], bool],
    environment: str | None = None, service: str = "app",
) -> Desk | None:  # fmt: skip
    """Raises ConfigurationError for certificates that cannot be read and path templates that make no sense."""
    names = channels_of(section)
    if not names:
        return None
    channels = {name: _channel(name, section, sentry) for name in names}
    routing = Routing(names, section.routes, section.deliver == "all")
    sender = Sender(service, environment, socket.gethostname())
    outbox = Outbox(channels, routing, most=section.queue, timeout=section.timeout, sender=sender)
    policy = Policy(
        section.severity, round(section.cooldown), round(section.quiet), section.max_per_hour, round(section.digest),
        section.flush,
    )  # fmt: skip
    try:
        desk = Desk(policy, rules_of(section), outbox, store, alone, f"{environment}/" if environment else "")
    except ValueError as error:
        raise ConfigurationError([f"alerts.rules: {error}"]) from None
    if sentry is not None:
        sentry.before_end = desk.part
    return desk


def _channel(name: str, section: AlertsSection, sentry: Sentry | None) -> Channel:
    ca = section.ca
    if ca is not None:
        _prove(ca)
    # Each is imported only where it is used: smtplib alone takes a quarter of a megabyte.
    if name == "email":
        from wsgi_guard.capture.channels.email import Email

        return Email(section.email, ca)
    if name == "slack" and section.slack.url is not None:
        from wsgi_guard.capture.channels.slack import Slack

        return Slack(section.slack.url, ca, section.slack.proxy)
    if name == "webhook":
        from wsgi_guard.capture.channels.webhook import Webhook

        return Webhook(section.webhook, ca)
    if sentry is None:
        raise ConfigurationError([f"alerts.channels: {name} is not set up"])
    from wsgi_guard.capture.channels.sentry import Sentry as SentryChannel

    return SentryChannel(sentry)


def _prove(ca: str) -> None:
    try:
        ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or type(error).__name__
        raise ConfigurationError([f"alerts.ca: the file {ca!r} cannot be used: {why}"]) from None
