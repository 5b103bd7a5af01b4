"""The one variable of other programs that the guard reads and sets where it runs, and not as a setting."""

from __future__ import annotations

import os

# prometheus-client reads it when it is imported, and counts in files there instead of in memory.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def metrics_folder() -> str | None:
    return os.environ.get(METRICS_FOLDER) or None


def set_metrics_folder(folder: str) -> None:
    os.environ[METRICS_FOLDER] = folder
