"""Adapters for frameworks that keep to themselves which route they matched. Bottle says so in the environ.

A framework is touched only when its module is loaded already. Each adapter notes the route on the request that runs
and changes nothing for the framework or the app.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from wsgi_guard.facts import current

_MARK = "_wsgi_guard_routes"


def connect() -> None:
    """Attaches to what is loaded and not attached yet; a module that is half imported is left for the next call."""
    for name, owner, method, route in _ADAPTERS:
        kind = vars(sys.modules[name]).get(owner) if name in sys.modules else None
        made = getattr(kind, method, None)
        if made is not None and not hasattr(made, _MARK):
            setattr(kind, method, _noting(made, route))


def _noting(made: Callable[..., Any], route: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    @wraps(made)
    def noting(*args: Any, **options: Any) -> Any:
        found = made(*args, **options)
        facts = current()
        if facts is not None:
            try:
                facts.root.matched = route(args[0], found)
            except (AttributeError, LookupError, TypeError):
                # Another version's way to say it: such requests count under no route.
                facts.root.matched = None
        return found

    setattr(noting, _MARK, True)
    return noting


def _flask(context: Any, found: Any) -> str | None:
    rule = context.request.url_rule
    return None if rule is None else str(rule.rule)


def _django(handler: Any, match: Any) -> str:
    return "/" + str(match.route).removeprefix("/")


def _falcon(app: Any, found: Any) -> str | None:
    return found[3]  # type: ignore[no-any-return]


def _pyramid(mapper: Any, info: Any) -> str | None:
    route = info["route"]
    return None if route is None else "/" + str(route.pattern).removeprefix("/")


# Module, class, the method that finds a route, and how its object or result names it.
_ADAPTERS: tuple[tuple[str, str, str, Callable[[Any, Any], Any]], ...] = (
    ("flask.ctx", "RequestContext", "match_request", _flask),
    ("flask.ctx", "AppContext", "match_request", _flask),
    ("django.core.handlers.base", "BaseHandler", "resolve_request", _django),
    ("falcon.app", "App", "_get_responder", _falcon),
    ("pyramid.urldispatch", "RoutesMapper", "__call__", _pyramid),
)
