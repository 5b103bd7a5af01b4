"""Forked processes that do a piece of work and end."""

from __future__ import annotations

import os
from collections.abc import Callable


def forked(work: Callable[[], int]) -> int:
    """A child that exits with what `work` returns, at most 255; its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 255
    try:
        status = work()
    finally:
        os._exit(status)
