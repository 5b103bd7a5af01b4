"""[alerts] as frozen values; see `sections.py`."""
# ruff: noqa: RUF009  (option, table and listed make nothing but dataclass fields)

from __future__ import annotations

from dataclasses import dataclass

from .fields import SEVERITIES, listed, option, table
from .secret import Secret

CHANNELS = ("email", "slack", "webhook", "sentry")
LONGEST_WINDOW = 86400.0


@dataclass(frozen=True, slots=True)
class EmailSection:
    """[alerts.email]: alerts by SMTP."""

    enabled: bool | None = option(None, "flag", "absent = on once server and recipients are known")
    server: str | None = option(None, "text", "host name of the SMTP server")
    port: int = option(587, "count", "port of the SMTP server", low=1, high=65535)
    security: str = option(
        "auto", "choice", "with a verified certificate in each case; auto = tls on port 465, else starttls, which a "
        "server on a loopback address may lack", choices=("auto", "starttls", "tls", "none"),
    )  # fmt: skip
    sender: str | None = option(None, "text", "address of the sender; needed")
    user: str | None = option(None, "text", "name to log in with; absent = the sender, when there is a password")
    password: Secret | None = option(None, "secret", "password to log in with; absent = no login")
    recipients: tuple[str, ...] = option((), "texts", "addresses that get the alerts")


@dataclass(frozen=True, slots=True)
class SlackSection:
    """[alerts.slack]: alerts to an incoming webhook of Slack."""

    url: Secret | None = option(None, "secret", "address of the webhook")
    proxy: Secret | None = option(None, "secret", "http:// address of the proxy that leads there; absent = none")


@dataclass(frozen=True, slots=True)
class WebhookSection:
    """[alerts.webhook]: alerts as JSON to an address of your own."""

    url: Secret | None = option(None, "secret", "address that takes the POST")
    secret: Secret | None = option(None, "secret", "key of the HMAC-SHA256 that signs time and body")
    proxy: Secret | None = option(None, "secret", "as alerts.slack.proxy")


@dataclass(frozen=True, slots=True)
class RouteSection:
    """[[alerts.routes]]: which alerts go where; the first that matches decides, else all channels."""

    severity: str | None = option(None, "choice", "only this severity and graver ones", choices=SEVERITIES)
    category: tuple[str, ...] = option((), "texts", "only these categories")
    channels: tuple[str, ...] | None = option(
        None, "choices", "where they go", choices=CHANNELS, required=True
    )


@dataclass(frozen=True, slots=True)
class AlertRuleSection:
    """[[alerts.rules]]: a threshold of one's own."""

    name: str = option("", "name", "name in alerts, unique", required=True)
    category: tuple[str, ...] = option((), "texts", "only errors of these categories; absent = all")
    path: tuple[str, ...] = option((), "templates", "only errors of requests to these path templates; absent = all")
    severity: str | None = option(
        None, "choice", "only this severity and graver ones; absent = all", choices=SEVERITIES
    )
    count: int | None = option(None, "count", "alert when there are more than so many")
    ratio: float | None = option(None, "ratio", "alert when they are more than this part of the requests, 0.1 = 10 %")
    requests: int = option(20, "count", "with ratio: not below so many requests", low=1)
    window: float = option(60.0, "duration", "in how long a time", low=1, high=LONGEST_WINDOW)


@dataclass(frozen=True, slots=True)
class AlertsSection:
    """[alerts]: who hears of errors, and when."""

    channels: tuple[str, ...] | None = option(
        None, "choices", "in the order of preference; absent = those that are set up, without sentry", choices=CHANNELS
    )
    deliver: str = option(
        "all", "choice", "each alert to all its channels, or to the first that takes it", choices=("all", "first")
    )
    severity: str = option(
        "ERROR", "choice", "an error of this severity or a graver one is alerted by itself", choices=SEVERITIES
    )
    critical_per_minute: int = option(5, "count", "alert when there are more CRITICAL errors in a minute; 0 = off")
    error_rate: float = option(
        0.1, "ratio", "alert when more than this part of the requests of a minute failed; 0 = off"
    )
    error_rate_requests: int = option(20, "count", "error_rate says nothing below so many requests", low=1)
    websocket_failures: int = option(
        10, "count", "alert when more WebSocket connections failed in a minute; 0 = off"
    )
    database_connection_errors: int = option(
        3, "count", "alert when the database could not be reached more often in a minute; 0 = off"
    )
    cooldown: float = option(
        300.0, "duration", "time between two messages about one cause that goes on", low=1, high=LONGEST_WINDOW
    )
    quiet: float = option(30.0, "duration", "a cause without errors for so long has recovered", low=1, high=86400)
    max_per_hour: int = option(
        20, "count", "messages of an hour; what is more comes together in digests", low=1, high=1000
    )
    digest: float = option(600.0, "duration", "time between two digests", low=1, high=LONGEST_WINDOW)
    queue: int = option(100, "count", "messages that wait for one channel; further ones are dropped and logged", low=1)
    timeout: float = option(5.0, "duration", "longest attempt to deliver a message", low=0.1, high=60)
    flush: float = option(2.0, "duration", "longest wait for what is queued when the process ends", high=60)
    ca: str | None = option(None, "location", "file of certificates to trust instead of the system's, PEM")
    email: EmailSection = table(EmailSection)
    slack: SlackSection = table(SlackSection)
    webhook: WebhookSection = table(WebhookSection)
    routes: tuple[RouteSection, ...] = listed(RouteSection)
    rules: tuple[AlertRuleSection, ...] = listed(AlertRuleSection)
