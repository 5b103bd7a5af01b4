"""How alerts stand on a host: what each process tells of its channels, put together. Pure; times since the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RECENT = 3600.0
"""Seconds for which a channel that failed counts as down and a lost message as news, if nothing arrives meanwhile."""

Page = Mapping[str, Any]


class News:
    """Of one channel in one process: when a message arrived last, when one failed last, and why."""

    __slots__ = ("arrived_at", "cause", "failed_at")

    def __init__(self) -> None:
        self.arrived_at = 0.0
        self.failed_at = 0.0
        self.cause = ""


def overview(names: Sequence[str], pages: Iterable[Page], now: float) -> dict[str, Any]:
    """What `pages`, one a process, say together of the channels `names`, the preferred one first."""
    pages = list(pages)
    channels = [_channel(name, [page.get("channels", {}).get(name, {}) for page in pages], now) for name in names]
    sums = {name: sum(page.get(name, 0) for page in pages) for name in COUNTED}
    found: dict[str, Any] = {"channels": channels, **sums}
    found["state"] = "degraded" if troubles(found, pages, now) else "ok"
    return found


COUNTED = ("queued", "dropped", "lost", "held_for_digest", "untracked")


def _channel(name: str, told: Sequence[Page], now: float) -> dict[str, Any]:
    last = max(told, key=lambda one: one.get("failed_at", 0.0), default={})
    failed_at = last.get("failed_at", 0.0)
    arrived_at = max((one.get("arrived_at", 0.0) for one in told), default=0.0)
    down = failed_at > max(arrived_at, now - RECENT)
    return {
        "name": name, "state": "down" if down else "up", "cause": last.get("cause", "") if down else "",
        "delivered": sum(one.get("delivered", 0) for one in told),
        "failed": sum(one.get("failed", 0) for one in told),
    }  # fmt: skip


def troubles(found: Mapping[str, Any], pages: Iterable[Page], now: float) -> str:
    """What keeps alerts from their readers, in a sentence; "" when all is well."""
    pages = list(pages)
    said = [f"{one['name']}: {one['cause']}" for one in found["channels"] if one["state"] == "down"]
    if any(page.get("store_away") for page in pages):
        said.append("the store is away, each process alerts by itself")
    if any(page.get("lost_at", 0.0) > now - RECENT for page in pages):
        said.append(f"messages were lost ({found['lost']}) or found no room in a queue ({found['dropped']})")
    return "; ".join(said)
