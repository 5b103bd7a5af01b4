"""What kind of error an exception is: by its class, its SQLSTATE, its errno, and by what the settings add.

Pure tables and look-ups. The guard's own names are CATEGORIES; the settings may bring others.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

CATEGORIES = (
    "database", "network", "timeout", "validation", "authentication", "websocket", "memory", "programming", "external",
    "other",
)  # fmt: skip

# (module, name) of a class and its bases, the class itself first.
Lineage = Sequence[tuple[str, str]]

_DATABASE = frozenset({
    "psycopg", "psycopg_pool", "psycopg2", "asyncpg", "pg8000", "sqlite3", "sqlalchemy", "MySQLdb", "pymysql",
    "mysql", "oracledb", "pyodbc", "pymongo", "peewee",
})  # fmt: skip
_EXTERNAL = frozenset({
    "requests", "httpx", "urllib3", "urllib", "aiohttp", "botocore", "boto3", "grpc", "stripe", "openai",
    "googleapiclient",
})  # fmt: skip
_WEBSOCKET = frozenset({"websocket", "websockets", "wsproto", "simple_websocket", "geventwebsocket"})
_NETWORK = frozenset({
    "ConnectionError", "gaierror", "herror", "SSLError", "URLError", "NetworkError",
    "RemoteDisconnected", "IncompleteRead", "NewConnectionError", "MaxRetryError", "ConnectError",
})  # fmt: skip
_AUTHENTICATION = frozenset({
    "Unauthorized", "AuthenticationError", "AuthenticationFailed", "NotAuthenticated", "PermissionDenied",
    "Forbidden", "AccessDenied", "InvalidToken", "PyJWTError", "HTTPUnauthorized", "HTTPForbidden", "CSRFError",
})  # fmt: skip
_VALIDATION = frozenset({
    "ValidationError", "JSONDecodeError", "BadRequest", "HTTPBadRequest", "MultiPartParserError",
    "SuspiciousOperation", "Invalid",
})  # fmt: skip
_PROGRAMMING = frozenset({
    "TypeError", "AttributeError", "NameError", "LookupError", "ValueError", "ArithmeticError", "AssertionError",
    "NotImplementedError", "ImportError", "SyntaxError", "RecursionError", "StopIteration", "BufferError",
})  # fmt: skip

# SQLSTATE (SQL:2023 part 2, 24.1, and PostgreSQL appendix A): the first entry that begins a code decides. What a
# statement waited for is a timeout; every other code is the database's.
_SQLSTATES = {
    "57014": "timeout",  # query_canceled, which statement_timeout does
    "55P03": "timeout",  # lock_not_available, by lock_timeout or NOWAIT
    "25P03": "timeout",  # idle_in_transaction_session_timeout
    "57P05": "timeout",  # idle_session_timeout
    "53200": "memory",  # out_of_memory, of the server
}
# Classes 08 connection exception, 28 invalid authorization, and what a server says that goes away or is full.
_UNREACHABLE = ("08", "28", "53300", "57P01", "57P02", "57P03")
# Names of driver exceptions without a SQLSTATE that mean the same; an OperationalError of a driver that has one but
# did not get it never spoke to a server.
_UNREACHABLE_NAMES = frozenset({
    "PoolTimeout", "PoolClosed", "TooManyRequests", "InterfaceError", "ConnectionTimeout",
    "ConnectionDoesNotExistError", "CannotConnectNowError", "ServerSelectionTimeoutError", "AutoReconnect",
})  # fmt: skip
_STATED = frozenset({"psycopg", "psycopg2", "asyncpg"})

_ERRNOS = {
    **dict.fromkeys((
        errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.EHOSTUNREACH, errno.ENETUNREACH,
        errno.ENETDOWN, errno.ENETRESET, errno.EHOSTDOWN, errno.ENOTCONN, errno.EADDRINUSE, errno.EADDRNOTAVAIL,
        errno.ESHUTDOWN,
    ), "network"),
    errno.ETIMEDOUT: "timeout",
    errno.ETIME: "timeout",
    errno.ENOMEM: "memory",
}  # fmt: skip
# What stops a process or a server from working at all: no memory, no disk, no descriptors; data that is damaged.
_GRAVE_ERRNOS = frozenset({
    errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE,
})  # fmt: skip
_GRAVE_SQLSTATES = ("53100", "53200", "58", "XX", "F0")


class Kind(NamedTuple):
    """What tells of an exception's kind: its classes, its SQLSTATE ("" for none), its errno (0 for none)."""

    lineage: Lineage
    sqlstate: str = ""
    errno: int = 0


class Own(NamedTuple):
    """What the settings say of one category."""

    category: str
    types: frozenset[str] = frozenset()
    sqlstates: tuple[str, ...] = ()
    errnos: frozenset[int] = frozenset()
    severity: str | None = None

    def holds(self, kind: Kind) -> bool:
        if kind.errno in self.errnos or (kind.sqlstate and kind.sqlstate.startswith(self.sqlstates)):
            return True
        return bool(self.types) and any(_named(module, name, self.types) for module, name in kind.lineage)


def _named(module: str, name: str, types: Collection[str]) -> bool:
    """Whether a class is meant by its own name, its module's, or that of a package around it."""
    if f"{module}.{name}" in types or (module == "builtins" and name in types):
        return True
    parts = module.split(".")
    return any(".".join(parts[:end]) in types for end in range(1, len(parts) + 1))


def category(kinds: Sequence[Kind], own: Sequence[Own] = ()) -> str:
    """The first telling category among an exception and its causes, "other" when none tells; what is `own` is first."""
    for kind in kinds:
        for one in own:
            if one.holds(kind):
                return one.category
        found = _category(kind)
        if found != "other":
            return found
    return "other"


def _category(kind: Kind) -> str:
    roots = {module.partition(".")[0] for module, _ in kind.lineage}
    names = {name for _, name in kind.lineage}
    if kind.sqlstate:
        return next((found for code, found in _SQLSTATES.items() if kind.sqlstate.startswith(code)), "database")
    if roots & _DATABASE or any(module.startswith("django.db") for module, _ in kind.lineage):
        return "database"
    if "MemoryError" in names or _ERRNOS.get(kind.errno) == "memory":
        return "memory"
    if roots & _WEBSOCKET or any("websocket" in name.lower() for name in names):
        return "websocket"
    if any("Timeout" in name or "TimedOut" in name for name in names) or _ERRNOS.get(kind.errno) == "timeout":
        return "timeout"
    return _by_name(roots, names, kind.errno)


def _by_name(roots: Collection[str], names: Collection[str], number: int) -> str:
    known: Mapping[str, frozenset[str]] = {
        "authentication": _AUTHENTICATION, "validation": _VALIDATION, "network": _NETWORK,
    }  # fmt: skip
    for found, some in known.items():
        if not some.isdisjoint(names):
            return found
    if number in _ERRNOS:
        return _ERRNOS[number]
    if not _EXTERNAL.isdisjoint(roots):
        return "external"
    return "other" if _PROGRAMMING.isdisjoint(names) else "programming"


def unreachable(kinds: Sequence[Kind]) -> bool:
    """True for an error of the way to the database rather than of what was asked of it."""
    return any(_unreachable(kind) for kind in kinds)


def _unreachable(kind: Kind) -> bool:
    if kind.sqlstate:
        return kind.sqlstate.startswith(_UNREACHABLE)
    if _category(kind) != "database":
        return False
    names = {name for _, name in kind.lineage}
    roots = {module.partition(".")[0] for module, _ in kind.lineage}
    return bool(names & _UNREACHABLE_NAMES) or ("OperationalError" in names and bool(roots & _STATED))


def severity(kinds: Sequence[Kind], own: Sequence[Own] = ()) -> str:
    """How grave an exception is by itself: what the settings say of it, CRITICAL where nothing can work, else ERROR."""
    for kind in kinds:
        for one in own:
            if one.severity is not None and one.holds(kind):
                return one.severity
    return "CRITICAL" if any(_grave(kind) for kind in kinds) else "ERROR"


def _grave(kind: Kind) -> bool:
    if kind.errno in _GRAVE_ERRNOS or (kind.sqlstate and kind.sqlstate.startswith(_GRAVE_SQLSTATES)):
        return True
    return any(module == "builtins" and name in ("MemoryError", "SystemError") for module, name in kind.lineage)
