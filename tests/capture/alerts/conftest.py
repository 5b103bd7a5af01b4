"""Receivers that end with their test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .receivers import Hook, Mail, certificate


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
