"""`wsgi-guard alerts test`: a real message by every channel that the settings name, from here and now."""

from __future__ import annotations

import argparse

from .errors import GuardError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("test",), help="test: send one message by each channel")
    parser.add_argument("file", nargs="?", help="settings file, as for check")


def alerts(options: argparse.Namespace) -> str:
    """What arrived, a line for each channel. Raises GuardError when one message did not, or there is no channel."""
    from .stack import build

    desk = build(options.file).capture.alerts
    if desk is None:
        raise GuardError("no channel is set up: see alerts.email, alerts.slack and alerts.webhook")
    found = desk.test()
    lines = [f"{name}: {'not delivered: ' + why if why else 'delivered'}" for name, why in found.items()]
    if any(found.values()):
        raise GuardError("\n".join(lines))
    return "\n".join(lines)
