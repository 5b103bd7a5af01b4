"""[capture] as frozen values; see `sections.py`."""
# ruff: noqa: RUF009  (option and named make nothing but dataclass fields)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .fields import SEVERITIES, named, option
from .secret import Secret


@dataclass(frozen=True, slots=True)
class CategorySection:
    """[capture.categories.<name>]: what else belongs to a category, one of the built-in names or one of your own."""

    types: tuple[str, ...] = option(
        (), "texts", "exception classes with their module, as shop.errors.PaymentError, or whole modules"
    )
    sqlstates: tuple[str, ...] = option((), "texts", "SQLSTATE codes or their first characters, as 23505 or 23")
    errnos: tuple[str, ...] = option((), "texts", "names of errno, as ECONNREFUSED")
    severity: str | None = option(
        None, "choice", "how grave they are, where nobody says otherwise", choices=SEVERITIES
    )


@dataclass(frozen=True, slots=True)
class CaptureSection:
    """[capture]: errors."""

    on_error: str = option(
        "answer", "choice", "answer 500, or raise to the server (debuggers, test clients)", choices=("answer", "raise")
    )
    sentry_dsn: Secret | None = option(None, "secret", "where events are sent too")
    redact: tuple[str, ...] = option(
        (), "texts", "more names of headers and fields whose values never leave the process"
    )
    service: str = option("app", "text", "the name of the app, told in alerts and in events that name no other")
    release: str | None = option(None, "text", "the version of the app, told in each event")
    locals: bool = option(False, "flag", "true: tracebacks show the local variables of your own functions, redacted")
    exits: str = option(
        "ignore", "choice", "SystemExit and GreenletExit out of the app: no event; errors = SystemExit with a status "
        "other than 0; all", choices=("ignore", "errors", "all"),
    )  # fmt: skip
    disconnects: str = option(
        "ignore", "choice", "a client that leaves before the end: no event, or one of severity INFO",
        choices=("ignore", "report"),
    )
    categorize: str | None = option(
        None, "target", "module:function that takes an exception and returns its category, None for the built-in way"
    )
    categories: Mapping[str, CategorySection] = named(CategorySection)
