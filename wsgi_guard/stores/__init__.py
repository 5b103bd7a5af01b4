"""Counters and where they live. Slices see `contract.py`; which store there is decides `open_store` alone."""

from __future__ import annotations

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings.sections import RateLimitSection

from .contract import Policy, State, Store, Tally
from .memory import MemoryStore

__all__ = ["MemoryStore", "Policy", "State", "Store", "Tally", "open_store"]

SCHEMES = ("redis", "rediss", "unix")


def open_store(section: RateLimitSection) -> Store:
    """The store that the settings name; nothing is connected yet. Raises ConfigurationError."""
    where = section.store.reveal()
    if where in ("auto", "memory"):
        return MemoryStore(section.max_keys)
    if where.partition("://")[0] not in SCHEMES:
        raise ConfigurationError(["rate_limit.store: expected auto, memory or a URL redis://, rediss:// or unix://"])
    from .redis import RedisStore

    return RedisStore(where, section.store_timeout)
