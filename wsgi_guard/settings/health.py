"""[health] as frozen values; see `sections.py`."""
# ruff: noqa: RUF009  (option and named make nothing but dataclass fields)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .fields import Threshold, named, option
from .secret import Secret


@dataclass(frozen=True, slots=True)
class CheckSection:
    """[health.checks.<name>]: one check."""

    type: str = option(
        "", "check", "system, disk, postgres, redis, http, smtp, file, certificate, or module:function", required=True
    )
    url: Secret | None = option(
        None, "secret",
        "http: what to get, a 2xx or 3xx passes; smtp: smtp://host:port; certificate: https:// or tls://host:port; "
        "redis: which server, absent = rate_limit.store",
    )
    pool: str = option("main", "text", "postgres: which pool")
    path: str | None = option(
        None, "location", "disk, file: what must have room, absent = /; file: must be writable; certificate: a PEM file"
    )
    needs: tuple[str, ...] = option((), "texts", "checks this one depends on; it is blocked while one of them fails")
    tier: str = option("info", "choice", "ready: /readyz turns 503 when it fails", choices=("ready", "info"))
    timeout: float = option(5.0, "duration", "a check that takes longer fails", low=0.001)
    interval: float | None = option(
        None, "duration", "time between two runs; absent = health.interval", low=0.1
    )
    warn: tuple[Threshold, ...] = option(
        (), "thresholds", 'degraded beyond this, as "memory_percent > 85" or "duration_ms > 500"; takes the place of '
        "the default for that measure",
    )
    fail: tuple[Threshold, ...] = option((), "thresholds", "failed beyond this, in the same words")
    failures: int = option(2, "count", "failing runs in a row that are worth an alert", low=1, high=1000)
    passes: int = option(2, "count", "passing runs in a row that end it", low=1, high=1000)


@dataclass(frozen=True, slots=True)
class HealthSection:
    """[health]: is it alive, ready, well."""

    interval: float = option(30.0, "duration", "time between two runs of a check", low=0.1)
    livez: str | None = option("/livez", "path", 'where the answer lives; "" hands the path back to the app')
    readyz: str | None = option("/readyz", "path", 'where the answer lives; "" hands the path back to the app')
    health: str | None = option("/health", "path", 'where the answer lives; "" hands it, and what is below, back')
    checks: Mapping[str, CheckSection] = named(CheckSection)
