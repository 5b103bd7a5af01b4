"""What is said once of how a guard is run, where that makes its limits other than they are written."""

from __future__ import annotations

import logging

from wsgi_guard.facts import Facts
from wsgi_guard.stores import Place

log = logging.getLogger("wsgi_guard")

SHARED = (
    "requests come through a proxy, but guard.trusted_proxies is not set: all clients may share the proxy's address, "
    "so the built-in rules by ip only report; set guard.trusted_proxies to the proxy's network, or to [] for none"
)
ALONE = (
    "several processes answer, and each counts rate limits by itself, so clients have as many times the limit; start "
    "gunicorn with the hooks (-c python:wsgi_guard.gunicorn), or set rate_limit.store to a redis URL or shared:/path"
)


class Cautions:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._said: set[str] = set()

    def alone(self, facts: Facts) -> None:
        """Where several processes answer, as their server knows, and each counts by itself."""
        if ALONE not in self._said and facts.environ.get("wsgi.multiprocess") and self._place.alone:
            self._say(ALONE)

    def shared(self) -> None:
        """Where all clients may share an address."""
        if SHARED not in self._said:
            self._say(SHARED)

    def _say(self, text: str) -> None:
        self._said.add(text)
        log.warning("%s", text)
