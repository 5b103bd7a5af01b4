"""What is logged while a test runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Heard = TypeVar("Heard", bound=logging.Handler)


@contextmanager
def listening(handler: Heard, name: str = "wsgi_guard", level: int = logging.DEBUG) -> Iterator[Heard]:
    """`handler` gets what the logger `name` says from `level` up; afterwards all is as it was."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
