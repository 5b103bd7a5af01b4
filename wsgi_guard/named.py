"""How a request is named where names must not grow without end: its method, and its place by a template.

The template is one of rules and schemas, or the one of the app's framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .facts import Facts
from .redact import one_line
from .routes import Hit

LONGEST = 200  # characters of a name
NAMES = "names"
"""Where the names of a route are kept in its memo."""
OTHER = "(other)"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""RFC 9110, 9, and PATCH; clients can invent others without end."""


class Names(NamedTuple):
    """What rules and schemas call a path: by a template that says where, and by one that says below what."""

    exact: str
    rest: str


def names_of(facts: Facts) -> Names:
    """The most specific template of each kind; "" where there is none."""
    route = facts.route
    names: Names | None = route.memo.get(NAMES)
    if names is None:
        names = route.memo[NAMES] = _names(route.hits)
    return names


def _names(hits: Sequence[Hit]) -> Names:
    texts = [hit.template.text for hit in hits]
    return Names(
        next((text for text in texts if not text.endswith("+}")), ""), next((t for t in texts if t.endswith("+}")), "")
    )


def framework_route(facts: Facts) -> str:
    """The route by which the app's framework found its view, "" while none is known."""
    found: Any = facts.matched
    if found is None and "bottle.route" in facts.environ:
        found = getattr(facts.environ["bottle.route"], "rule", None)
    return one_line(found[:LONGEST]) if type(found) is str else ""


def method_label(method: str) -> str:
    return method if method in METHODS else OTHER


def route_of(facts: Facts) -> str:
    """The one template that says where; "" where neither rules and schemas nor the framework have one."""
    return names_of(facts).exact or framework_route(facts)
