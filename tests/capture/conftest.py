"""What capture logs, as lists."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.listening import listening


class Lines(logging.Handler):
    """Keeps every record of the guard's loggers."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        # What every request and every start says is no matter here.
        if record.name != "wsgi_guard.access" and "pid" not in vars(record).get("audit", ()):
            self.records.append(record)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [vars(record)["event"] for record in self.records if hasattr(record, "event")]

    @property
    def audits(self) -> list[dict[str, Any]]:
        return [vars(record)["audit"] for record in self.records if hasattr(record, "audit")]

    @property
    def failures(self) -> list[str]:
        return [record.getMessage() for record in self.records if record.name == "wsgi_guard.capture"]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with listening(Lines()) as lines:
        yield lines
