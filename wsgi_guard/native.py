"""Threads and sockets of the operating system itself, also where gevent has put its own in their place.

What must answer while every greenlet is stuck cannot be a greenlet.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def original(module: str, name: str) -> Any:
    """`module.name` as it was before gevent, if it was replaced."""
    monkey = sys.modules.get("gevent.monkey")
    return getattr(import_module(module), name) if monkey is None else monkey.get_original(module, name)
