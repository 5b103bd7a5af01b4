"""What cannot be among the settings of capture and alerts; which channels are in use. Pure."""

from __future__ import annotations

import errno
import ipaddress
import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .alerts import AlertRuleSection, AlertsSection

if TYPE_CHECKING:
    from .sections import Settings

Clash = tuple[tuple[str, ...], str]

# Enough to catch a forgotten @ and to keep a header to one address; what exists only its server knows.
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,255}")
CATEGORY = re.compile(r"[A-Za-z0-9_-]{1,64}")
SQLSTATE = re.compile(r"[0-9A-Z]{1,5}")
WEB = ("http", "https")
BUILTIN_THRESHOLDS = ("critical", "error_rate", "websocket", "database_connection")


def channels_of(alerts: AlertsSection) -> tuple[str, ...]:
    """The channels in use: those that are named, else those that are set up."""
    if alerts.channels is not None:
        return alerts.channels
    email = alerts.email
    mails = email.enabled if email.enabled is not None else bool(email.server and email.recipients)
    found = {"email": mails, "slack": alerts.slack.url is not None, "webhook": alerts.webhook.url is not None}
    return tuple(name for name, there in found.items() if there)


def alert_clashes(settings: Settings, given: Collection[str]) -> Iterator[Clash]:
    channels = channels_of(settings.alerts)
    yield from _categories(settings)
    if "email" in channels:
        yield from _email(settings.alerts)
    if "sentry" in channels and settings.capture.sentry_dsn is None:
        yield ("alerts.channels", "capture.sentry_dsn"), "the channel sentry needs capture.sentry_dsn"
    yield from _urls(settings.alerts, channels)
    yield from _routes(settings.alerts, channels)
    yield from _rules(settings.alerts)


def _categories(settings: Settings) -> Iterator[Clash]:
    for name, section in settings.capture.categories.items():
        here = f"capture.categories.{name}"
        for code in section.sqlstates:
            if not SQLSTATE.fullmatch(code):
                yield (f"{here}.sqlstates",), f"expected at most five digits and capitals, not {code!r}"
        for word in section.errnos:
            if word not in errno.errorcode.values():
                yield (f"{here}.errnos",), f"there is no errno {word!r}, expected a name such as ECONNREFUSED"


def _email(alerts: AlertsSection) -> Iterator[Clash]:
    email = alerts.email
    for name, value in (("server", email.server), ("sender", email.sender), ("recipients", email.recipients)):
        if not value:
            keys = (f"alerts.email.{name}", "alerts.email.enabled", "alerts.channels", "alerts.email")
            yield keys, f"{name} is missing, alerts by e-mail need it"
    for name, addresses in (("sender", [email.sender] if email.sender else []), ("recipients", email.recipients)):
        for address in addresses:
            if not ADDRESS.fullmatch(address):
                yield (f"alerts.email.{name}",), f"expected a mail address, not {address!r}"
    if email.enabled is False and alerts.channels is not None:
        yield ("alerts.email.enabled", "alerts.channels"), "is false, and alerts.channels names email"
    if email.security == "none" and email.password is not None and not is_loopback(email.server or ""):
        told = "a password goes to a server that is not on a loopback address by TLS only"
        yield ("alerts.email.security", "alerts.email.password"), told
    if email.user is not None and email.password is None:
        yield ("alerts.email.user", "alerts.email.password"), "a user has no meaning without a password"


def _urls(alerts: AlertsSection, channels: Collection[str]) -> Iterator[Clash]:
    for name, url in (("slack", alerts.slack.url), ("webhook", alerts.webhook.url)):
        if url is None and name in channels:
            yield (f"alerts.{name}.url", "alerts.channels"), f"url is missing, the channel {name} needs it"
        if url is not None and not is_url(url.reveal(), WEB):
            yield (f"alerts.{name}.url",), "expected a URL that starts with https:// or http://"
    for name, proxy in (("slack", alerts.slack.proxy), ("webhook", alerts.webhook.proxy)):
        if proxy is not None and not is_url(proxy.reveal(), ("http",)):
            yield (f"alerts.{name}.proxy",), "expected a URL that starts with http://"
    if alerts.webhook.secret is not None and alerts.webhook.url is None:
        yield ("alerts.webhook.secret", "alerts.webhook"), "a secret has no meaning without a url"


def _routes(alerts: AlertsSection, channels: Collection[str]) -> Iterator[Clash]:
    for at, route in enumerate(alerts.routes, 1):
        for channel in route.channels or ():
            if channel not in channels:
                yield (f"alerts.routes.{at}.channels",), f"the channel {channel!r} is not among those in use"


def _rules(alerts: AlertsSection) -> Iterator[Clash]:
    seen = set(BUILTIN_THRESHOLDS)
    for at, rule in enumerate(alerts.rules, 1):
        here = f"alerts.rules.{at}"
        if rule.name in seen:
            yield (f"{here}.name",), f"there is a rule {rule.name!r} already"
        seen.add(rule.name)
        yield from _rule(here, rule)


def _rule(here: str, rule: AlertRuleSection) -> Iterator[Clash]:
    if (rule.count is None) == (rule.ratio is None):
        yield (f"{here}.count", f"{here}.ratio", here), "a rule needs either a count or a ratio"
    for name in rule.category:
        if not CATEGORY.fullmatch(name):
            yield (f"{here}.category",), f"expected the name of a category, not {name!r}"


def is_url(url: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
