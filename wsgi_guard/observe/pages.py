"""The page for Prometheus, in the form in which `stack.py` wants admin pages."""

from __future__ import annotations

from wsgi_guard import __version__
from wsgi_guard.pages import Page
from wsgi_guard.settings.variables import metrics_folder

from .exposition import Exposition
from .metrics import Metrics


def pages(path: str, metrics: Metrics) -> dict[str, Page]:
    return {path: Page(Exposition(metrics, __version__, metrics_folder()).page)}
