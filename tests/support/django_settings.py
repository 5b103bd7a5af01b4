"""Django keeps one configuration a process, so the tests that need it in this process share this one."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings


def configure_django(**own: Any) -> None:
    """Production settings, and on top what a test sets for itself."""
    if not settings.configured:
        settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 40, LOGGING_CONFIG=None)
        django.setup()
    for name, value in own.items():
        setattr(settings, name, value)
