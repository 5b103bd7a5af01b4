"""From the settings of a pool to what libpq is told: the URL, bounds in time, TLS, the name that the server lists.

What the URL says itself is stronger, but for TLS, where two answers are refused.
"""

from __future__ import annotations

import math
import os
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from wsgi_guard.settings.pools import PoolSection

# What the server keeps of application_name: NAMEDATALEN - 1 bytes.
LONGEST_NAME = 63


def conninfo(section: PoolSection) -> str:
    """The URL. ValueError, which does not repeat it, when it cannot be one."""
    text = section.url.reveal() if section.url is not None else ""
    _parsed(text)
    if not text:
        raise ValueError("url is missing, expected postgresql://user:password@host:port/name")
    return text


def connect_options(name: str, section: PoolSection) -> dict[str, Any]:
    """Everything of a connection that the URL leaves open. ValueError when URL and settings contradict each other.

    `tcp_user_timeout` ends a query whose packets nobody acknowledges; one that the server has taken and does not answer
    is `stall.py`.
    """
    given = _parsed(conninfo(section))
    # Each of several hosts has its share, so that one that is silent leaves time for the next; libpq's least is 2.
    seconds = max(2, math.ceil(section.timeout / hosts(section)))
    options: dict[str, Any] = {
        "connect_timeout": seconds,
        "tcp_user_timeout": max(2, math.ceil(section.timeout)) * 1000,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "application_name": application_name(name, section),
    }
    if section.read_only and not section.pgbouncer:
        # Holds in autocommit too; a pooler of transactions would refuse the start-up option.
        options["options"] = "-c default_transaction_read_only=on"
    if section.read_only and not section.pgbouncer and "options" in given:
        options["options"] = f"{given.pop('options')} {options['options']}"
    return {key: value for key, value in options.items() if key not in given} | _tls(section, given)


def hosts(section: PoolSection) -> int:
    """How many servers the URL names."""
    given = _parsed(conninfo(section))
    return str(given.get("host") or given.get("hostaddr") or "").count(",") + 1


def driver_options(section: PoolSection) -> dict[str, Any]:
    """What psycopg itself is told. Behind a pooler a statement prepared on one server is unknown to the next."""
    return {"prepare_threshold": None} if section.pgbouncer or section.request_comment else {}


def application_name(name: str, section: PoolSection) -> str:
    tail = f" {name} {os.getpid()}"
    return f"{section.application_name[: max(0, LONGEST_NAME - len(tail))]}{tail}"[-LONGEST_NAME:]


def whole_conninfo(name: str, section: PoolSection) -> str:
    """URL and options in one text, for connections that the driver does not make."""
    return make_conninfo(conninfo(section), **connect_options(name, section))


def _tls(section: PoolSection, given: dict[str, Any]) -> dict[str, Any]:
    options = {
        "sslmode": section.tls, "sslrootcert": section.tls_ca, "sslcert": section.tls_cert, "sslkey": section.tls_key,
    }  # fmt: skip
    written = {key: value for key, value in options.items() if value is not None}
    for key in written:
        if key in given:
            raise ValueError(f"{key} stands in the url and among the tls settings, expected one of them")
    if section.tls == "verify-full" and not {"sslrootcert"} & (written.keys() | given.keys()):
        # libpq's own default is a file in the home of whoever runs the server, which is never there.
        written["sslrootcert"] = "system"
    return written


def _parsed(text: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(text))
    except ProgrammingError:
        raise ValueError("url is not a PostgreSQL URL, expected postgresql://user:password@host:port/name") from None
