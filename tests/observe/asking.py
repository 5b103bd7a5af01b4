"""Asks for /metrics and reads what comes, by the parser of prometheus-client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from tests.support.calling import request, serve
from wsgi_guard import Guard

TOKEN = "0123456789abcdef"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
ADMIN = {"admin": {"token": TOKEN}}
OPEN = "application/openmetrics-text;version=1.0.0"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(body: bytes, *, as_open: bool = False) -> Samples:
    """Every sample by name and labels; one that comes twice is a mistake."""
    families: Iterable[Any] = (open_families if as_open else plain_families)(body.decode())
    found: Samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def metrics_of(guard: Guard, accept: str | None = None) -> Samples:
    server = serve(guard, request("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}", HTTP_ACCEPT=accept))
    assert server.code == 200, server.body
    return read(server.body, as_open=accept == OPEN)


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of all samples of that name that have these labels."""
    return sum(
        value for (known, pairs), value in samples.items() if known == name and labels.items() <= dict(pairs).items()
    )


def endpoints(samples: Samples) -> set[str]:
    return {dict(pairs)["endpoint"] for (name, pairs) in samples if name == "http_requests_total"}
