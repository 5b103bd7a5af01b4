"""The settings as frozen values: one class per table of the file, one field per key.

Nothing here reads a file or the environment; `fields.py` says what a field tells of itself.
"""
# ruff: noqa: RUF009  (option, table, named and listed make nothing but dataclass fields)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .alerts import CHANNELS as CHANNELS
from .alerts import AlertRuleSection as AlertRuleSection
from .alerts import AlertsSection as AlertsSection
from .alerts import EmailSection as EmailSection
from .alerts import RouteSection as RouteSection
from .alerts import SlackSection as SlackSection
from .alerts import WebhookSection as WebhookSection
from .capture import CaptureSection as CaptureSection
from .capture import CategorySection as CategorySection
from .fields import BILLION as BILLION
from .fields import SEVERITIES as SEVERITIES
from .fields import THREATS as THREATS
from .fields import Limit as Limit
from .fields import Network as Network
from .fields import Threshold as Threshold
from .fields import named, option, table
from .health import CheckSection as CheckSection
from .health import HealthSection as HealthSection
from .observe import LogSection as LogSection
from .observe import MetricsSection as MetricsSection
from .pools import PoolSection as PoolSection
from .rate_limit import OverrideSection as OverrideSection
from .rate_limit import RateLimitSection as RateLimitSection
from .rate_limit import RuleSection as RuleSection
from .secret import Secret
from .threats import ExcludeSection as ExcludeSection
from .threats import ThreatsSection as ThreatsSection
from .uploads import UploadsSection as UploadsSection


@dataclass(frozen=True, slots=True)
class GuardSection:
    """[guard]: the whole."""

    defaults: str = option(
        "shadow", "choice", "what the guard guesses itself (built-in rules, threats)", choices=("shadow", "enforce")
    )
    trusted_proxies: tuple[Network | str, ...] | None = option(
        None, "networks", 'networks whose forwarding header is believed, or "unix"; absent = unknown, [] = none'
    )
    forwarded_header: str = option(
        "x-forwarded-for", "header", "the one forwarding header to read: x-forwarded-for, forwarded or any name"
    )
    identity: str | None = option(
        None, "target", "module:function that takes the environ and returns who calls, or None; absent = REMOTE_USER"
    )
    drain: float = option(
        0.0, "duration", "how long /readyz says 503 under gunicorn before it stops; 0 stops at once", high=3600
    )
    drain_file: str | None = option(
        None, "location", "while this file exists /readyz says 503; `wsgi-guard drain` makes it"
    )
    layers: tuple[str, ...] | None = option(
        None, "choices", "the layers to have beside capture; absent = all",
        choices=("rate_limit", "validation", "health"),
    )
    on_layer_error: str = option(
        "deny", "choice", "when a layer itself fails: deny answers 500, allow goes on", choices=("deny", "allow")
    )


@dataclass(frozen=True, slots=True)
class ValidationSection:
    """[validation]: what a request may look like."""

    schemas: str | None = option(None, "location", "folder of schema files; relative to the settings file")
    reload: bool = option(
        False, "flag", "schema files are read again when they change; for development, looked at once a second"
    )
    max_body: int = option(1024 * 1024, "bytes", "largest body that a schema describes; more is 413")
    max_depth: int = option(64, "count", "deepest nesting of a JSON body", low=1)
    max_members: int = option(
        10_000, "count", "most values in a JSON body, most fields in a query or form", low=1
    )
    engine: str = option(
        "jsonschema", "choice", "what decides whether a value fits; jsonschema-rs comes with wsgi-guard[fast]",
        choices=("jsonschema", "jsonschema-rs"),
    )
    validators: tuple[tuple[str, str], ...] = option(
        (), "targets", 'a table of name = "module:function", for x-validator of a schema'
    )
    sanitizer: str = option(
        "bleach", "choice", "what cleans HTML for x-sanitize; nh3 comes with wsgi-guard[fast]",
        choices=("bleach", "nh3"),
    )
    # Jackson's StreamReadConstraints are 20 000 000 and 1000; Python itself stops at 4300 digits.
    max_string: int = option(20_000_000, "count", "most characters of a string in a JSON body or form", low=1)
    max_number: int = option(1000, "count", "most characters of a number in a JSON body", low=1, high=4300)
    duplicate_keys: str = option(
        "refuse", "choice", "a member named twice in one object of a JSON body: refuse, or take the last one",
        choices=("refuse", "last"),
    )
    inflate: bool = option(False, "flag", "true: gzip and deflate bodies that a schema describes are read, not 415")
    max_url: int | None = option(
        None, "bytes", "longest URL; more is 414; absent = 16 KiB under guard.defaults = enforce, else none", low=1
    )
    max_headers: int | None = option(
        None, "bytes", "all headers together; more is 431; absent = 64 KiB under guard.defaults = enforce, else none",
        low=1,
    )
    uploads: UploadsSection = table(UploadsSection)
    threats: ThreatsSection = table(ThreatsSection)


@dataclass(frozen=True, slots=True)
class AdminSection:
    """[admin]: who may see details."""

    token: Secret | None = option(None, "secret", "bearer token, at least 16 characters")
    allow: tuple[Network | str, ...] = option(
        (), "networks", "clients that may read without it; needs trusted_proxies"
    )
    listen: str | None = option(
        None, "listen", 'an address such as "127.0.0.1:9101": probes, metrics and admin there too, answered while all '
        "workers are busy",
    )
    errors: str | None = option(
        "/admin/errors", "path", 'below it: stats; "" hands the path back to the app'
    )
    rate_limits: str | None = option(
        "/admin/rate-limits", "path", 'below it: status, reset, block, unblock; "" hands the paths back to the app'
    )
    db: str | None = option("/admin/db/stats", "path", 'the pools in numbers; "" hands the path back to the app')


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything, and where it came from.

    `sources` names what was read, weakest first, and `origins` the source of each key that is not a default (by its
    dotted name); `notes` are lines for the log. `folder` is the settings file's, absolute, or the current one.
    `environment` is what WSGI_GUARD_ENV says.
    """

    guard: GuardSection = table(GuardSection)
    rate_limit: RateLimitSection = table(RateLimitSection)
    validation: ValidationSection = table(ValidationSection)
    health: HealthSection = table(HealthSection)
    pools: Mapping[str, PoolSection] = named(PoolSection)
    capture: CaptureSection = table(CaptureSection)
    alerts: AlertsSection = table(AlertsSection)
    admin: AdminSection = table(AdminSection)
    log: LogSection = table(LogSection)
    metrics: MetricsSection = table(MetricsSection)
    folder: str = "."
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    environment: str | None = None
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
