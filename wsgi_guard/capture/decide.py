"""What kind of error this is, how grave, and which errors are the same: the policy of capture, in pure functions."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

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
LEVELS = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
}


def category(*lineages: Lineage) -> str:
    """The first telling category among the lineages of an exception and of its causes, "other" when none tells."""
    found = [_category(lineage) for lineage in lineages]
    return next((name for name in found if name != "other"), "other")


def _category(lineage: Lineage) -> str:
    roots = {module.partition(".")[0] for module, _ in lineage}
    names = {name for _, name in lineage}
    if roots & _DATABASE or any(module.startswith("django.db") for module, _ in lineage):
        return "database"
    if "MemoryError" in names:
        return "memory"
    if any("Timeout" in name or "TimedOut" in name for name in names):
        return "timeout"
    named = (("authentication", _AUTHENTICATION), ("validation", _VALIDATION), ("network", _NETWORK))
    for found, known in named:
        if names & known:
            return found
    if roots & _EXTERNAL:
        return "external"
    return "programming" if names & _PROGRAMMING else "other"


def severity(name: str) -> str:
    """`name` as one of LEVELS; what is not one counts as ERROR, for a report about an error must not fail."""
    name = str(name).upper()
    return name if name in LEVELS else "ERROR"


def unseen(code: int) -> tuple[str, str]:
    """Severity and category of a 5xx answer whose cause nobody showed: a 500 is a fault, the others may be meant."""
    categories = {502: "external", 504: "timeout"}
    return ("ERROR" if code == 500 else "WARNING"), categories.get(code, "other")


def fingerprint(kinds: Sequence[str], frames: Sequence[str]) -> str:
    """16 hex digits, equal for errors of one kind raised along the same way of functions, whatever their lines say."""
    way = [frame for at, frame in enumerate(frames) if at == 0 or frames[at - 1] != frame]
    text = "\n".join([*kinds, "", *way])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
