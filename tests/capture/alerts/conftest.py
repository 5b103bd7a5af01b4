"""Receivers that end with their test, and a guard that tells them all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk

from tests.capture.ingest import Receiver
from tests.support.listening import listening
from wsgi_guard.guard import Guard

from .receivers import Hook, Mail, certificate
from .sinks import TOKEN, Sinks


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    yield server
    server.close()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def mail(tls: tuple[Path, Path]) -> Iterator[Mail]:
    """Wants TLS and a password."""
    server = Mail(tls, ("guard@shop.example", "pw"))
    yield server
    server.close()


@pytest.fixture
def sinks(hook: Hook) -> Iterator[Sinks]:
    """The guarded app calls `test.way` of its environ with `test.error`."""
    ingest, mail, slack = Receiver(), Mail(), Hook()
    before = sentry_sdk.get_global_scope().client

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if "test.way" in environ:
            environ["test.way"](environ["test.error"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    guard = Guard(app, {
        "capture": {"sentry_dsn": ingest.dsn, "locals": True}, "admin": {"token": TOKEN},
        "rate_limit": {"store": "memory", "builtin_rules": "off"}, "health": {},
        "alerts": {
            "channels": ["email", "slack", "webhook", "sentry"], "email": mail.settings(), "max_per_hour": 1000,
            "slack": {"url": slack.url}, "webhook": {"url": hook.url, "secret": "key-of-ours"}, "queue": 1000,
        },
    })  # fmt: skip
    found = Sinks(guard, mail, hook, slack, ingest)
    with listening(found, level=logging.INFO):
        yield found
    sentry_sdk.get_global_scope().set_client(before)
    for receiver in (ingest, mail, slack):
        receiver.close()
