"""What is worth a message now: the policy of alerts, values in, values out. Time comes in as what a store has counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

FIRST, AGAIN, ESCALATED, RECOVERED = "first", "again", "escalated", "recovered"
PARTS = 1_000_000


class Policy(NamedTuple):
    """The numbers of the settings; times in whole seconds."""

    severity: str
    cooldown: int
    quiet: int
    per_hour: int
    digest: int
    flush: float


class Standing(NamedTuple):
    """What a fleet knows of one cause: errors in all, those that messages have told of, those of the last while.

    `graver`: it got worse than any message said. `escalated`: a message said that it had got worse.
    """

    total: int
    told: int
    fresh: int
    graver: bool = False
    escalated: bool = False

    @property
    def untold(self) -> int:
        return max(0, self.total - self.told)


def wanted(standing: Standing) -> str:
    """The kind of message that is due, "" for none; whether AGAIN may go out yet is a question of the cool-down.

    A lone error has one message and no end; what went on after its message is told once more when it is over.
    """
    if standing.untold and not standing.told:
        return FIRST
    if standing.graver:
        return ESCALATED
    if not standing.fresh:
        return RECOVERED if standing.untold or standing.escalated else ""
    return AGAIN if standing.untold else ""


def over_ratio(errors: float, requests: float, ratio: float, least: int) -> bool:
    """Whether more than `ratio` of `requests` are `errors`; nothing can be said below `least` requests."""
    return requests >= least and errors > ratio * requests


def sliding(part: int, previous: int, current: int) -> float:
    """Events in the last window by the two counters of a store; `part` millionths of the running one have passed."""
    return current + previous * (PARTS - part) / PARTS


def dominant(shares: Mapping[str, int]) -> str | None:
    """The cause of at least half of the events, None when there is no such one."""
    if not shares:
        return None
    name = max(shares, key=lambda one: shares[one])
    return name if 2 * shares[name] >= sum(shares.values()) else None
