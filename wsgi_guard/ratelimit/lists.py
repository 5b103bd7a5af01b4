"""Networks that are never limited, and those that are always refused. Deny goes before allow."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from wsgi_guard.client import UNKNOWN, Client, lies_in
from wsgi_guard.recent import Recent
from wsgi_guard.settings.sections import Network

log = logging.getLogger("wsgi_guard")

UNSEEN = (
    "the addresses of clients are not known, so rate_limit.deny refuses nobody; behind a proxy on a unix socket set "
    'guard.trusted_proxies to ["unix"]'
)
REMEMBERED = 1024
"""Half of the most addresses whose place is remembered."""


class Lists:
    def __init__(self, allow: Sequence[Network | str], deny: Sequence[Network | str]) -> None:
        self._allow = [network for network in allow if not isinstance(network, str)]
        self._deny = [network for network in deny if not isinstance(network, str)]
        self._recent: Recent[str, str] = Recent(REMEMBERED)
        self._told = not self._deny

    def find(self, client: Client) -> str:
        """ "deny", "allow" or "neither". An address that all clients may share frees nobody."""
        found = self._recent.get(client.ip)
        if found is None:
            found = self._look(client.ip)
            self._recent.put(client.ip, found)
        return "neither" if found == "allow" and client.shared else found

    def _look(self, ip: str) -> str:
        if ip == UNKNOWN:
            if not self._told:
                self._told = True
                log.warning(UNSEEN)
            return "neither"
        if lies_in(ip, self._deny):
            return "deny"
        return "allow" if lies_in(ip, self._allow) else "neither"
