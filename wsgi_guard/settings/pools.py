"""[pools.<name>] as frozen values; see `sections.py`."""
# ruff: noqa: RUF009  (option makes nothing but dataclass fields)

from __future__ import annotations

from dataclasses import dataclass

from .fields import option
from .secret import Secret

TLS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class PoolSection:
    """[pools.<name>]: a Postgres pool in each process."""

    url: Secret | None = option(None, "postgres", "postgresql:// URL", required=True)
    open: str = option(
        "first-use", "choice", "when a process connects: at its first query, or when it starts",
        choices=("first-use", "start"),
    )
    min_size: int = option(1, "count", "connections kept open once the pool is in use")
    max_size: int = option(10, "count", "most connections of one process", low=1)
    timeout: float = option(5.0, "duration", "longest wait for a connection, then 503", low=0.001)
    query_timeout: float = option(
        30.0, "duration", "a statement that has not answered for so long is cancelled, 0 = no bound"
    )
    max_waiting: int = option(0, "count", "most requests waiting for a connection, 0 = no bound")
    max_idle: float = option(600.0, "duration", "an unused connection above min_size is closed after this", low=1)
    max_lifetime: float = option(3600.0, "duration", "a connection is replaced after this", low=1)
    check: str = option(
        "idle", "choice", "which connections answer an empty query before use: those unused for 0.5 s, all, none",
        choices=("idle", "always", "never"),
    )
    reconnect_timeout: float = option(
        3.0, "duration", "how long a lost connection is tried again before the next request starts anew", low=0.1
    )
    read_only: bool = option(False, "flag", "every transaction is read only, as for a replica")
    autocommit: tuple[str, ...] = option(
        (), "templates", "path templates of requests whose statements commit one by one"
    )
    pgbouncer: bool = option(False, "flag", "behind a pooler of transactions: no prepared statements")
    application_name: str = option("wsgi_guard", "text", "what the server lists, with pool and process id behind it")
    request_comment: bool = option(False, "flag", "statements of a request begin with its id as a comment")
    slow_query: float = option(0.5, "duration", "a statement that took so long is logged, 0 = none")
    repeated_query: int = option(10, "count", "a statement run more often in one request is logged once, 0 = none")
    leak_after: float = option(30.0, "duration", "a connection held for so long is logged, 0 = none")
    tls: str | None = option(None, "choice", "as libpq's sslmode; absent = what the URL says", choices=TLS)
    tls_ca: str | None = option(None, "location", "file of the authorities that sign the server's certificate")
    tls_cert: str | None = option(None, "location", "file of this client's certificate")
    tls_key: str | None = option(None, "location", "file of its key")
