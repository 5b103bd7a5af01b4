"""`wsgi-guard limits`: what an operator does about rate limits, at a running server or at the store itself.

A server is asked at its admin paths, with the token of the settings. Without one the store is opened, which can be done
where it is a Redis or a named file; counters in the memory of processes are out of reach then.
"""

from __future__ import annotations

import argparse
import json
from http.client import responses
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError, GuardError
from .fetch import LARGEST, Answer, fetch
from .redact import one_line
from .settings.quantities import whole_seconds
from .stores.standing import LONGEST_BLOCK

if TYPE_CHECKING:
    from .settings import Settings

TIMEOUT = 10.0  # seconds for a server to answer, all of it
OUT_OF_REACH = (
    "the counters are in the memory of the running processes: give the address of a server with --url, and have "
    "admin.token set"
)
TOLD_BY_SERVERS = (
    "what was denied is told by a running server: give its address with --url, and have admin.token set; peek asks the "
    "store about one key"
)
ACTIONS = ("status", "peek", "reset", "block", "unblock")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("rule", nargs="?", help="name of a rule; needed by all but status")
    parser.add_argument("key", nargs="*", help="what the rule counts by, one value for each part of its key")
    parser.add_argument(
        "--for", dest="time", help='how long to block, as "15 minutes"; absent = as the rule blocks, else 1 hour'
    )
    parser.add_argument("--file", help="settings file, as for check")
    parser.add_argument("--url", help="a running server, as http://127.0.0.1:8000")
    parser.add_argument("--plain", action="store_true", help="status: show keys as they are, not as hashes")


def limits(options: argparse.Namespace) -> str:
    """What was done, as text to print. Raises ValueError, LookupError or GuardError with the reason when it was not."""
    if options.action != "status" and not (options.rule and options.key):
        raise ValueError(f"{options.action} needs a rule and a key")
    from .settings import load

    if options.url:
        return _ask(options, load(options.file))
    return _act(options)


def _act(options: argparse.Namespace) -> str:
    """At the store itself."""
    from .stack import build

    stack = build(options.file)
    where = stack.settings.rate_limit.store.reveal()
    if stack.limits is None:
        raise ValueError("the layer rate_limit is off")
    if not ("://" in where or where.startswith("shared:")):
        raise ValueError(OUT_OF_REACH)
    if options.action == "status":
        raise ValueError(TOLD_BY_SERVERS)
    control, key = stack.limits, options.key[0] if len(options.key) == 1 else options.key
    if options.action == "peek":
        found = control.peek(options.rule, key)
        return f"left {found.left}, " + ("allowed" if found.allowed else f"denied for {found.retry_after} s")
    if options.action == "block":
        control.block(options.rule, key, options.time)
    elif options.action == "reset":
        control.reset(options.rule, key)
    else:
        control.unblock(options.rule, key)
    return "done"


def _ask(options: argparse.Namespace, settings: Settings) -> str:
    """At a running server."""
    if settings.admin.token is None or not settings.admin.rate_limits:
        raise ConfigurationError(["admin.token: needed to ask a server, and admin.rate_limits must not be empty"])
    place = options.url.rstrip("/") + settings.admin.rate_limits
    headers = {"Authorization": f"Bearer {settings.admin.token.reveal()}"}
    if options.action == "peek":
        raise ValueError("peek asks the store itself, leave --url out")
    if options.action == "status":
        plain = "?keys=plain" if options.plain else ""
        return json.dumps(_fetch(f"{place}/status{plain}", headers), indent=2)
    key: Any = options.key[0] if len(options.key) == 1 else options.key
    command = {"rule": options.rule, "key": key}
    if options.action == "block" and options.time is not None:
        command["duration"] = whole_seconds(options.time, 1, LONGEST_BLOCK)
    _fetch(f"{place}/{options.action}", headers, json.dumps(command).encode())
    return "done"


def _fetch(url: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    answer = fetch(url, headers, TIMEOUT, body)
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not 200 <= answer.status < 300:
        raise GuardError(f"the server answered {answer.status}: {_detail(answer, found)}")
    if found is None:
        raise GuardError(f"no answer of a guard: expected JSON of at most {LARGEST} bytes")
    return found


def _detail(answer: Answer, found: Any) -> str:
    """The sentence of a problem document; what a server sends steers no terminal."""
    if isinstance(found, dict) and isinstance(found.get("detail"), str):
        return one_line(found["detail"][:500])
    if 300 <= answer.status < 400:
        return "it leads elsewhere, which is not followed; give the address it leads to with --url"
    return responses.get(answer.status, "no reason given")
