"""What the guard put on record, for the tests of validation."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from .asking import Audit


@pytest.fixture
def audit() -> Iterator[Audit]:
    handler = Audit()
    logger = logging.getLogger("wsgi_guard")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)
