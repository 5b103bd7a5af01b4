"""Whether the server has room for what the settings say: all workers with all their connections.

Looked at once in each process, on the first connection that it makes. A pooler stands for the server it hides, so
what goes through one is not added up.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from psycopg import Connection, Cursor, Error
from psycopg.conninfo import conninfo_to_dict

from wsgi_guard.settings.pools import PoolSection

from . import decide
from .options import conninfo

log = logging.getLogger("wsgi_guard.db")

LIMITS = "max_connections", "superuser_reserved_connections", "reserved_connections"


class Room:
    """The sum of one guard's pools; `workers` returns how many processes have them."""

    def __init__(self, sections: Mapping[str, PoolSection], workers: Callable[[], int]) -> None:
        self._sections = {name: section for name, section in sections.items() if not section.pgbouncer}
        self._workers = workers
        self._looked: set[tuple[int, str, int]] = set()

    def look(self, conn: Connection[Any]) -> None:
        """Logs a warning when there is too little room. Never fails a connection that works; it is in autocommit."""
        here = (os.getpid(), conn.info.host, conn.info.port)
        if here in self._looked:
            return
        self._looked.add(here)
        with suppress(Error):
            self._compare(conn)

    def _compare(self, conn: Connection[Any]) -> None:
        pools = {name: section.max_size for name, section in self._sections.items() if _same_server(section, conn)}
        if not pools:
            return
        # A cursor of the driver's own: this is no statement of the app's, to be counted.
        cursor = Cursor(conn)
        cursor.execute("SELECT name, setting::int FROM pg_settings WHERE name = ANY(%s)", [list(LIMITS)])
        limits = dict(cursor.fetchall())
        found = decide.room(self._workers(), pools, limits)
        if found.wanted > found.there:
            log.warning("the pools may open more connections than the server takes: %s", found.words)


def _same_server(section: PoolSection, conn: Connection[Any]) -> bool:
    given = conninfo_to_dict(conninfo(section))
    hosts = str(given.get("host") or given.get("hostaddr") or "").split(",")
    ports = str(given.get("port") or "5432").split(",")
    mine = conn.info
    return (mine.host in hosts or hosts == [""]) and str(mine.port) in ports
