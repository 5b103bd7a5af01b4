"""Under which name a request counts: a bounded number of them, whatever clients ask for.

A template of a rule or schema that says where; else the route that the app's framework matched; else a template for
all below a path; else one name for all the rest.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from wsgi_guard.facts import Facts
from wsgi_guard.redact import one_line

from .decide import UNMATCHED, names_of
from .frameworks import connect

_MEMO = "endpoint"
LONGEST = 200  # characters of a label
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
            found = facts.endpoint = self._find(facts)
        return found

    def _find(self, facts: Facts) -> str:
        route = facts.route
        names = route.memo.get(_MEMO)
        if names is None:
            names = route.memo[_MEMO] = names_of(route.hits)
        exact, rest = names
        if exact:
            return exact
        if facts.replied and route.given in self._own_paths:
            return route.given
        if self._early:
            self._early -= 1
            connect()
        found: Any = facts.matched
        if found is None and "bottle.route" in facts.environ:
            found = getattr(facts.environ["bottle.route"], "rule", None)
        if type(found) is str and found:
            return one_line(found[:LONGEST])
        return rest or UNMATCHED
