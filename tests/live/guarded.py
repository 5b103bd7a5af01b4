"""The apps of the live tests inside a guard.

`thin` adds headers and nothing else, so every answer is the app's own. `full` is what a user gets who writes no
settings at all, errors answered by the guard.
"""

from __future__ import annotations

from wsgi_guard import Guard

from .apps import app

THIN = {
    "capture": {"on_error": "raise"},
    "rate_limit": {"builtin_rules": "off"},
    "validation": {"threats": {"mode": "off"}},
}

thin = Guard(app, THIN)
full = Guard(app, {})
