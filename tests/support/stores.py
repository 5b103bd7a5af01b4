"""Each kind of store, for tests that hold for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.redis import Redis
from wsgi_guard.stores import MemoryStore, Store
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.shared import SharedStore, SharedTable

KINDS = ["memory", "shared", "redis"]


@contextmanager
def opened(request: pytest.FixtureRequest, *, keys: int, slots: int, server: str) -> Iterator[Store]:
    """The store that the fixture's parameter, one of KINDS, names; `server` is the fixture of its Redis."""
    if request.param == "memory":
        yield MemoryStore(keys)
    elif request.param == "shared":
        yield SharedStore(SharedTable.create(slots), 5.0)
    else:
        redis: Redis = request.getfixturevalue(server)
        store = RedisStore(redis.url, 5.0)
        try:
            yield store
        finally:
            store.close()
