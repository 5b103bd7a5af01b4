"""`wsgi-guard check`, `drain`, `health`, `limits`, `alerts`, `explain`, `replay` and `schema`: for operators."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import checkup, drill, operate
from .errors import ConfigurationError, GuardError
from .rehearse import explain, replay, starter


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status: 0 done, 1 problems found, 2 used wrongly."""
    if arguments is None:
        # What the settings name as module:function lies beside them, as for a server that is started here.
        sys.path.append(os.getcwd())
    options = _parser().parse_args(arguments)
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wsgi-guard", description="Checks and steers a wsgi_guard installation.")
    commands = parser.add_subparsers(required=True, metavar="command")
    check = commands.add_parser("check", help="say what the settings and schema files mean, or all that is wrong")
    check.add_argument("file", nargs="?", help="settings file; default as the guard: environment, ./wsgi_guard.toml")
    check.set_defaults(run=_check)
    drain = commands.add_parser("drain", help="turn /readyz to 503 (needs guard.drain_file) while requests go on")
    drain.add_argument("file", nargs="?", help="settings file, as for check")
    drain.add_argument("--off", action="store_true", help="take traffic again")
    drain.set_defaults(run=_drain)
    health = commands.add_parser(
        "health", help="say how a running server is; exit status 0 pass or warn, 1 fail, 2 cannot be asked"
    )
    checkup.add_arguments(health)
    health.set_defaults(run=checkup.health)
    limits = commands.add_parser("limits", help="see, reset, block and unblock the keys of rate limits")
    operate.add_arguments(limits)
    limits.set_defaults(run=_said(operate.limits))
    alerts = commands.add_parser("alerts", help="send a message by every channel of alerts, to see that it arrives")
    drill.add_arguments(alerts)
    alerts.set_defaults(run=_said(drill.alerts))
    one = commands.add_parser("explain", help="say what each layer would decide about a request, and why")
    explain.add_arguments(one)
    one.set_defaults(run=_said(explain.explain))
    schema = commands.add_parser("schema", help="write schema files to begin with")
    starter.add_arguments(schema)
    schema.set_defaults(run=_said(starter.init))
    log = commands.add_parser("replay", help="say what would have been limited, refused or flagged of a log's requests")
    replay.add_arguments(log)
    log.set_defaults(run=_said(replay.replay))
    return parser


def _check(options: argparse.Namespace) -> int:
    from .settings import as_text
    from .stack import build

    try:
        stack = build(options.file)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    print(as_text(stack.settings))
    print("layers: " + " > ".join(layer.name for layer in stack.full.layers))
    for layer in stack.full.layers:
        for note in getattr(layer, "notes", ()):
            print(f"note: {note}")
    print("ok")
    return 0


def _said(act: Callable[[argparse.Namespace], str]) -> Callable[[argparse.Namespace], int]:
    """The command that prints what `act` returns, or why it could not."""

    def run(options: argparse.Namespace) -> int:
        try:
            print(act(options))
        except (ValueError, LookupError, OSError, GuardError) as error:
            print(error.args[0] if isinstance(error, LookupError) else error, file=sys.stderr)
            return 1
        return 0

    return run


def _drain(options: argparse.Namespace) -> int:
    from .settings import load

    try:
        path = load(options.file).guard.drain_file
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    if path is None:
        print("guard.drain_file is not set, so no process would notice; set it to a path they all see", file=sys.stderr)
        return 1
    try:
        if options.off:
            Path(path).unlink(missing_ok=True)
        else:
            Path(path).touch()
    except OSError as error:
        print(f"{path!r} cannot be changed: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
