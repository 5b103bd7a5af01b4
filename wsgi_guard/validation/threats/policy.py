"""What the settings make of findings: which classes are looked for, what is told and what is refused. Pure."""

from __future__ import annotations

from typing import NamedTuple

from wsgi_guard.settings.sections import ThreatsSection

from .evidence import THRESHOLDS
from .screen import Finding


class Policy(NamedTuple):
    """`least` is the lowest score that is told; of a class in `blocked` one of `enough` or more is refused."""

    classes: tuple[str, ...]
    blocked: frozenset[str]
    least: int
    enough: int

    def refuses(self, finding: Finding) -> bool:
        return finding.score >= self.enough and finding.kind in self.blocked


def policy(threats: ThreatsSection, defaults: str) -> Policy:
    """What is done under these settings; `defaults` is guard.defaults, for where no mode is written."""
    mode = threats.mode or ("block" if defaults == "enforce" else "shadow")
    modes = {kind: getattr(threats.modes, kind) or mode for kind in threats.classes}
    return Policy(
        tuple(kind for kind in threats.classes if modes[kind] != "off"),
        frozenset(kind for kind in threats.classes if modes[kind] == "block"),
        THRESHOLDS[threats.detect or threats.level],
        THRESHOLDS[threats.level],
    )
