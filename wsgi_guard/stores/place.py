"""Where counters live, as the settings say: one process, one host, or a Redis."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from wsgi_guard.settings.sections import RateLimitSection

from .contract import Store
from .memory import MemoryStore

if TYPE_CHECKING:
    from .shared import SharedTable

SHARED = "shared"


class Place:
    """Opened once, at first use, which is in the process that charges; nothing is connected before.

    `host_table` gives the table that the processes of a host have in common, None without one; `source` is who
    named the place. Raises ConfigurationError where the place cannot be.
    """

    def __init__(
        self, section: RateLimitSection, host_table: Callable[[], SharedTable | None], source: str = ""
    ) -> None:
        self._section = section
        self._source = source
        self._where = section.store.reveal()
        self._host_table = host_table
        self._store: Store | None = None
        self._own_table = self._make_table() if self._where.partition(":")[0] == SHARED else None
        if self.remote:
            self._store = _redis(section)

    @property
    def remote(self) -> bool:
        """Whether a server keeps the counters."""
        return "://" in self._where

    @property
    def alone(self) -> bool:
        """Whether other processes cannot see what this one counts: a table made after the fork has no sharers."""
        store = self.open()
        table = self._own_table
        own = table is not None and table.path is None and table.made_in == os.getpid()
        return store.name == "memory" or own

    def open(self) -> Store:
        store = self._store
        if store is None:
            store = self._store = self._choose()
        return store

    def why(self) -> str:
        """Which store it is and for what reason, as a line for the log."""
        return f"rate limits are counted in {self._medium()}, as rate_limit.store is {self._written()}"

    def _choose(self) -> Store:
        table = self._host_table() if self._where in ("auto", SHARED) else None
        table = table or self._own_table
        if table is None:
            return MemoryStore(self._section.max_keys)
        from .shared import SharedStore

        return SharedStore(table, self._section.store_timeout)

    def _make_table(self) -> SharedTable | None:
        from .shared import SharedTable

        path = self._where.partition(":")[2]
        if not path and self._host_table() is not None:
            return None
        return SharedTable.create(self._section.max_keys, path or None)

    def _medium(self) -> str:
        named = {"memory": "the memory of each process", SHARED: "memory shared by the processes of this host"}
        return named.get(self.open().name, "Redis")

    def _written(self) -> str:
        if self._where != "auto":
            where = "a Redis URL" if self.remote else repr(self._where)
            return f"{where}, from {self._source}" if self._source else where
        return "'auto' and no Redis URL is known" + ("" if self._host_table() else "; there are no gunicorn hooks")


def _redis(section: RateLimitSection) -> Store:
    from .redis import open_redis

    return open_redis(section.store.reveal(), section.store_timeout)
