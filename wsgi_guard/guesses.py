"""How often one client may send a wrong token. Each process counts by itself; `now` is on a monotonic clock."""

from __future__ import annotations

import threading
from ipaddress import ip_network

from .recent import Recent

MOST, WINDOW = 20, 60.0
"""Wrong tokens in so many seconds: a scraper with an old token stays below; sixteen characters take for ever by it."""
CLIENTS = 1024
"""Clients remembered, at most twice so many, at about 200 bytes."""


class Guesses:
    """`client` is an address as text. IPv6 networks of 64 bits are one client, for so much any host has."""

    def __init__(self) -> None:
        self._wrong: Recent[str, tuple[float, int]] = Recent(CLIENTS)
        # Makes a count of several threads right; only who has sent a wrong token comes here.
        self._lock = threading.Lock()

    def wait(self, client: str, now: float) -> float:
        """Seconds until tokens of this client are looked at again, 0 when they are."""
        began, count = self._wrong.get(_whole(client)) or (now, 0)
        return max(began + WINDOW - now, 0.0) if count >= MOST else 0.0

    def add(self, client: str, now: float) -> None:
        """Notes a wrong one."""
        with self._lock:
            key = _whole(client)
            began, count = self._wrong.get(key) or (now, 0)
            self._wrong.put(key, (began, count + 1) if now - began < WINDOW else (now, 1))


def _whole(client: str) -> str:
    return str(ip_network(f"{client}/64", strict=False)) if ":" in client else client
