"""Under which name a request counts: a bounded number of them, whatever clients ask for.

A template of a rule or schema that says where; else the route that the app's framework matched; else a template for
all below a path; else one name for all the rest.
"""

from __future__ import annotations

from collections.abc import Set

from wsgi_guard.facts import Facts
from wsgi_guard.named import NAMES, framework_route, names_of

from .decide import UNMATCHED
from .frameworks import connect

EARLY_REQUESTS = 10
"""Requests at whose end new framework modules are looked for: some apps import their framework at the first one."""


class Endpoints:
    """`own_paths` are those that the guard answers itself."""

    def __init__(self, own_paths: Set[str]) -> None:
        self._own_paths = own_paths
        self._early = EARLY_REQUESTS

    def of(self, facts: Facts) -> str:
        """Asked at the end of a request, and found once."""
        found = facts.endpoint
        if found is None:
            names = (facts.known_route or facts.route).memo.get(NAMES) or names_of(facts)
            found = facts.endpoint = names.exact or self._find(facts, names.rest)
        return found

    def _find(self, facts: Facts, rest: str) -> str:
        if facts.replied and facts.route.given in self._own_paths:
            return facts.route.given
        if self._early:
            self._early -= 1
            connect()
        # What `framework_route` asks, in place: an app without a framework has neither.
        known = facts.matched is not None or "bottle.route" in facts.environ
        return (framework_route(facts) if known else "") or rest or UNMATCHED
