"""`wsgi-guard health`: how a running server is, or what its checks find when they are run here.

A server is asked over HTTP, at admin.listen or where --url says, with the token of the settings. That it fails and that
it cannot be asked are told apart by the exit status.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError, GuardError
from .fetch import Answer, fetch

if TYPE_CHECKING:
    from .settings import Settings

WELL, FAILS, UNASKED = 0, 1, 2
LONGEST = 3600
"""Seconds; who waits longer wants something else."""
TYPE = "application/health+json"
STATUSES = ("pass", "warn", "fail", "unknown")
ANY = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  (where one that listens everywhere is to be found)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="a running server, as http://127.0.0.1:8000; default admin.listen")
    parser.add_argument("--file", help="settings file, as for check")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--live", action="store_true", help="ask only whether the process lives")
    which.add_argument("--ready", action="store_true", help="ask only whether it takes traffic")
    which.add_argument("--run", dest="here", action="store_true", help="run the checks here and now, and ask no server")
    parser.add_argument("--import", dest="module", help="--run: a module with @health_check functions, imported first")
    parser.add_argument("--timeout", type=float, default=5.0, help="longest time for all of it in seconds, default 5")
    parser.add_argument("--json", action="store_true", help="print JSON in place of words")


def health(options: argparse.Namespace) -> int:
    """Prints how it is. Returns 0 for pass and warn, 1 for fail, 2 when that could not be learned."""
    from .settings import load

    try:
        if not 0 < options.timeout <= LONGEST:
            raise ValueError(f"--timeout: expected seconds, more than 0 and at most {LONGEST}")
        found = _run(options) if options.here else _asked(options, load(options.file))
        printed = json.dumps(found, indent=2) if options.json else words(found)
    except (GuardError, ValueError) as error:
        print(error, file=sys.stderr)
        return UNASKED
    print(printed)
    return FAILS if found["status"] == "fail" else WELL


def _run(options: argparse.Namespace) -> dict[str, Any]:
    """What one run of each check finds. Raises GuardError when there are none."""
    from .stack import build

    if options.module:
        try:
            import_module(options.module)
        except Exception as error:
            raise GuardError(f"cannot import {options.module!r}: {type(error).__name__}: {error}") from error
    layer = build(options.file).health
    if layer is None:
        raise GuardError("the layer health is off, so there are no checks")
    return layer.examine(options.timeout)


def _asked(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """What the server says of itself: each check to an admin, else the one word that all may know."""
    section, token = settings.health, settings.admin.token
    base, headers, timeout = _base(options.url, settings.admin.listen), {"Accept": TYPE}, options.timeout
    if options.live or options.ready:
        return _read(fetch(base + _path("livez" if options.live else "readyz", section), headers, timeout))
    place = base + _path("health", section)
    if token is None and not settings.admin.allow:
        return _read(fetch(place, headers, timeout))
    if token is not None:
        headers["Authorization"] = f"Bearer {token.reveal()}"
    answer = fetch(place + "/detailed", headers, timeout)
    if token is None and answer.status in (401, 404):
        # This address is not among those of admin.allow.
        answer = fetch(place, headers, timeout)
    return _read(answer)


def _base(url: str | None, listen: str | None) -> str:
    if url is not None:
        return url.rstrip("/")
    if listen is None:
        raise ConfigurationError(["give --url, or set admin.listen: it is not known where a server runs"])
    host, _, port = listen.rpartition(":")
    return f"http://{ANY.get(host, host)}:{port}"


def _path(name: str, section: Any) -> str:
    path: str | None = getattr(section, name)
    if not path:
        raise ConfigurationError([f"health.{name} is \"\", so the guard answers nothing there"])
    return path


def _read(answer: Answer) -> dict[str, Any]:
    """The document that a guard answered with. Raises GuardError for anything else."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if answer.type != TYPE or not isinstance(found, dict) or found.get("status") not in STATUSES:
        reason = {401: ": it takes no such token", 404: ": it has no such page"}.get(answer.status, "")
        raise GuardError(f"no answer of a guard's health, but {answer.status} {plain(answer.type)}{reason}")
    return found


def words(found: dict[str, Any]) -> str:
    """For a terminal: the whole in one line, then a line for each check, the worst first."""
    why = f": {plain(found['output'])}" if found.get("output") else ""
    try:
        rows = [_row(name, part) for name, (part, *_) in found.get("checks", {}).items()]
    except (AttributeError, KeyError, TypeError):
        raise GuardError("the answer is none of a guard's health: its checks have another form") from None
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{found['status']}{why}", *lines])


def _row(name: str, part: dict[str, Any]) -> tuple[str, ...]:
    took, share = part.get("duration_ms"), part.get("trend", {}).get("availability", {}).get("1h")
    observed = part.get("observedValue", {})
    told = [part.get("output"), ", ".join(f"{measure} {value}" for measure, value in observed.items())]
    if part.get("affected"):
        told.insert(1, f"affects {', '.join(part['affected'])}")
    return (
        plain(part["status"]),
        plain(name),
        plain(part.get("tier", "")),
        "" if took is None else f"{took:.1f} ms",
        "" if share is None else f"{100 * share:.1f} % of 1h",
        plain("; ".join(text for text in told if text)),
    )


def plain(text: object) -> str:
    """Nothing that steers a terminal: what a server sends is not ours."""
    return "".join(character if character.isprintable() else "?" for character in str(text))
