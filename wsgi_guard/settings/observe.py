"""[log] and [metrics] as frozen values; see `sections.py`."""


from __future__ import annotations

from dataclasses import dataclass

from .fields import option


@dataclass(frozen=True, slots=True)
class LogSection:
    """[log]: a line for each request, and where the guard's own lines go."""

    access: bool = option(True, "flag", "one line for each request, on the logger wsgi_guard.access")
    target: bool = option(True, "flag", "the line of a request with a query or an escaped path holds both, secrets out")
    slow: float = option(1.0, "duration", "a request that takes as long is flagged, and its line is a WARNING")
    format: str = option(
        "json", "choice", "of the lines that the guard itself writes; text is for a terminal", choices=("json", "text")
    )
    file: str | None = option(
        None, "location", "where the guard writes its lines; absent = standard error, if you have set up no logging"
    )
    handler: str = option(
        "logging", "choice", "direct: access lines go past logging, by orjson (extra fast), to file or standard error",
        choices=("logging", "direct"),
    )


@dataclass(frozen=True, slots=True)
class MetricsSection:
    """[metrics]: numbers for Prometheus, once admin is configured."""

    path: str | None = option("/metrics", "path", 'where the answer lives; "" counts nothing and leaves the path alone')
