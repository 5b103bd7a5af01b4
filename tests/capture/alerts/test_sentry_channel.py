"""`alerts test` by way of Sentry: delivered is what was taken, whatever becomes of the rest."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.capture.ingest import Receiver
from wsgi_guard.stack import build

TIMEOUT = 1.0


@pytest.fixture
def ingest() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def why_not(dsn: str) -> str | None:
    """Why the message did not arrive; None or "" where it did."""
    alerts: dict[str, Any] = {"channels": ["sentry"], "timeout": TIMEOUT}
    desk = build({"capture": {"sentry_dsn": dsn}, "alerts": alerts}).capture.alerts
    assert desk is not None
    return desk.test()["sentry"]


def test_message_that_was_taken_is_delivered(ingest: Receiver) -> None:
    assert not why_not(ingest.dsn)
    assert len(ingest.events) == 1


def test_message_that_was_refused_is_not(ingest: Receiver) -> None:
    ingest.status = 500
    assert why_not(ingest.dsn)


def test_message_to_nobody_is_not() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert why_not(f"http://key@127.0.0.1:{taken.getsockname()[1]}/1")


def test_message_that_is_not_answered_in_time_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        assert why_not(f"http://key@127.0.0.1:{deaf.getsockname()[1]}/1") == f"nothing was taken within {TIMEOUT:g} s"
