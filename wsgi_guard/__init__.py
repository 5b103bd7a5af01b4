"""wsgi_guard: any WSGI application, ready for production without a change in its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError, GuardError, Outage, Refused
from .facts import current
from .guard import Guard

if TYPE_CHECKING:
    from .capture.api import capture_error
    from .db.query import execute_query, get_db_connection
    from .db.retry import retry_transient
    from .health.registry import health_check
    from .ratelimit import api as limits
    from .ratelimit.decorator import rate_limit

__version__ = "0.1.0"
__all__ = [
    "ConfigurationError",
    "Guard",
    "GuardError",
    "Outage",
    "Refused",
    "capture_error",
    "current",
    "execute_query",
    "get_db_connection",
    "health_check",
    "limits",
    "rate_limit",
    "retry_transient",
]

# Where the names live whose slices are imported only when somebody asks for them.
_LAZY = {
    "capture_error": "wsgi_guard.capture.api",
    "execute_query": "wsgi_guard.db.query",
    "get_db_connection": "wsgi_guard.db.query",
    "health_check": "wsgi_guard.health.registry",
    "limits": "wsgi_guard.ratelimit.api",
    "rate_limit": "wsgi_guard.ratelimit.decorator",
    "retry_transient": "wsgi_guard.db.retry",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'wsgi_guard' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(_LAZY[name])
    value = globals()[name] = module if name == "limits" else getattr(module, name)
    return value
