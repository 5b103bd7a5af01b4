"""Variables that operators know from other programs, as the keys they mean.

They are shared with the app, so they are the weakest source: what is wrong in them counts only if it takes effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .references import is_postgres

# Key -> the variables that give it, strongest first. The README table prints them.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "rate_limit.store": ("RATE_LIMIT_STORAGE_URL", "REDIS_URL"),
    "health.interval": ("HEALTH_CHECK_INTERVAL",),
    "capture.sentry_dsn": ("SENTRY_DSN",),
    "alerts.email.enabled": ("EMAIL_ALERTS_ENABLED",),
    "alerts.email.server": ("SMTP_SERVER",),
    "alerts.email.port": ("SMTP_PORT",),
    "alerts.email.sender": ("ALERT_SENDER_EMAIL",),
    "alerts.email.password": ("ALERT_SENDER_PASSWORD",),
    "alerts.email.recipients": ("ALERT_RECIPIENTS",),
    "alerts.slack.url": ("SLACK_WEBHOOK_URL",),
    "pools.main.min_size": ("DB_MIN_CONN",),
    "pools.main.max_size": ("DB_MAX_CONN", "DB_POOL_SIZE"),
    "pools.main.timeout": ("DB_CONNECTION_TIMEOUT",),
    "pools.main.url": ("DATABASE_URL", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "DB_PASS"),
}
PARTS = KNOWN["pools.main.url"][1:]
POSTGRES_TYPES = ("postgres", "postgresql", "postgis", "pgsql", "pg")

Named = tuple[str, dict[str, Any]]


def known_variables(environ: Mapping[str, str], notes: list[str]) -> Iterator[Named]:
    """Name and tree of each one that is set; empty counts as not set."""
    other = other_database(environ)
    if other:
        notes.append(f"{other} is not Postgres: no pool is made of the database variables")
    for key, variables in KNOWN.items():
        if other and key.startswith("pools."):
            continue
        given = [name for name in variables if environ.get(name)]
        if key == "pools.main.url" and "DATABASE_URL" not in given:
            yield from _from_parts(environ)
        elif given:
            yield f"variable {given[0]}", _tree(key, _value(key, environ[given[0]]))


def other_database(environ: Mapping[str, str]) -> str:
    """Which variable says that the app's database is not Postgres, "" when none does."""
    kind = environ.get("DB_TYPE", "").strip().lower()
    # Django names a module: django.db.backends.postgresql
    if kind and kind.split(".")[-1].split("+")[0] not in POSTGRES_TYPES:
        return "DB_TYPE"
    url = environ.get("DATABASE_URL", "")
    return "DATABASE_URL" if url and not url.startswith(("env:", "file:")) and not is_postgres(url) else ""


def _from_parts(environ: Mapping[str, str]) -> Iterator[Named]:
    """The URL that DB_HOST and its kind spell out; a lone name or password says too little to make a pool of."""
    part = {name: environ.get(name, "") for name in PARTS}
    if not (part["DB_HOST"] or (part["DB_NAME"] and part["DB_USER"])):
        return
    used = ", ".join(name for name in PARTS if part[name])
    yield f"variables {used}", _tree("pools.main.url", _url(part))


def _url(part: Mapping[str, str]) -> str:
    # Imported here: only a deployment without a URL needs it.
    from urllib.parse import quote

    host, port = part["DB_HOST"], part["DB_PORT"]
    # A host with a colon is an IPv6 address; one with slashes is a socket's folder and must be escaped.
    address = f"[{host}]" if ":" in host and not host.startswith("[") else quote(host, "[]:", errors="surrogateescape")
    # A variable may hold bytes that are no UTF-8; Python keeps them as surrogates and they go on as they came.
    login = quote(part["DB_USER"], "", errors="surrogateescape")
    password = quote(part["DB_PASSWORD"] or part["DB_PASS"], "", errors="surrogateescape")
    url = f"postgresql://{login}{':' if login and password else ''}{password if login else ''}{'@' if login else ''}"
    url += f"{address}{':' if port else ''}{port}/{quote(part['DB_NAME'], '', errors='surrogateescape')}"
    return url if login or not password else f"{url}?password={password}"


def _value(key: str, text: str) -> object:
    if key.endswith((".enabled", ".recipients")):
        return _flag(text) if key.endswith(".enabled") else [part for part in re.split(r"[\s,;]+", text) if part]
    counted = key.endswith(("_size", ".port")) and re.fullmatch(r"\s*[0-9]{1,9}\s*", text)
    return int(text) if counted else text


def _flag(text: str) -> bool | str:
    """True and false in the words that shells and compose files use; what is neither goes on as it came."""
    word = text.strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    return False if word in ("false", "0", "no", "off") else text


def _tree(key: str, value: object) -> dict[str, Any]:
    tree: Any = value
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return dict(tree)
