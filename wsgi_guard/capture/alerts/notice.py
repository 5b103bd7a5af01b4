"""What is told about one cause at one time, and the message that takes it out. Redacted already: made of events."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from wsgi_guard.capture.decide import LEVELS
from wsgi_guard.capture.events import Event
from wsgi_guard.redact import one_line

SHOWN = 20
"""Notices of a digest that are written out; the others are counted."""
TRACE = 6_000
"""Characters of a traceback in a message; the log has the whole."""
PACKED = 3
"""Notices of a message that another process gets to know."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`count` errors since the last message about `key`, `total` in all. `kind` is first, again, escalated, recovered.

    `reason` says why, where it is not a new error; `event` is the latest one that this process has seen.
    """

    kind: str
    key: str
    title: str
    severity: str
    category: str
    count: int = 0
    total: int = 0
    reason: str = ""
    event: Event | None = None
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    @property
    def error_id(self) -> str:
        return self.event.id if self.event else ""

    def headline(self) -> str:
        count = f" ({self.count} more, {self.total} in all)" if self.kind != "first" and self.total else ""
        return one_line(f"{self.kind}: {self.severity} {self.category}: {self.title[:300]}{count}")

    def as_dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "kind": self.kind, "key": self.key, "title": self.title, "severity": self.severity,
            "category": self.category, "count": self.count, "total": self.total, "time": self.time,
        }  # fmt: skip
        if self.reason:
            told["reason"] = self.reason
        if self.event is not None:
            told["error_id"] = self.event.id
            told["event"] = self.event.as_dict()
        return told

    def lines(self) -> list[str]:
        """For people, below the headline: a few lines, then the traceback."""
        lines = []
        if self.reason:
            lines.append(f"why: {one_line(self.reason)}")
        lines.append(f"count: {self.count} since the last message, {self.total} in all")
        event = self.event
        if event is None:
            return lines
        lines += [f"error id: {event.id}", f"fingerprint: {event.fingerprint}", f"time: {event.time}"]
        lines += [f"service: {one_line(event.service)} on {event.worker}"]
        lines += [f"{name}: {value}" for name, value in (
            ("environment", event.environment), ("release", event.release),
        ) if value]  # fmt: skip
        if event.request:
            told = {"request id" if name == "id" else name: value for name, value in event.request.items()}
            lines += [f"{name}: {one_line(str(value))}" for name, value in told.items()]
        if event.traceback:
            cut = event.traceback if len(event.traceback) <= TRACE else "...\n" + event.traceback[-TRACE:]
            lines += ["", cut]
        return lines


class Sender(NamedTuple):
    """Whose alerts these are: the name of the app, where it has one, the stage it runs in, and the host."""

    service: str = "app"
    environment: str | None = None
    host: str = ""

    @property
    def name(self) -> str:
        """"" for an app without a name of its own."""
        return "" if self.service == "app" else one_line(self.service)

    def __str__(self) -> str:
        stage = f" ({self.environment})" if self.environment else ""
        return one_line(f"{self.service}{stage} on {self.host}")


class Message(NamedTuple):
    """One or more notices that leave together; `more` were too many to keep."""

    id: str
    notices: tuple[Notice, ...]
    more: int = 0
    sender: Sender = Sender()

    @property
    def severity(self) -> str:
        return max((notice.severity for notice in self.notices), key=LEVELS.__getitem__, default="ERROR")

    def subject(self) -> str:
        name = f"{self.sender.name}: " if self.sender.name else ""
        if len(self.notices) == 1:
            return name + self.notices[0].headline()
        return f"{name}digest: {len(self.notices) + self.more} alerts, the gravest {self.severity}"

    def text(self) -> str:
        if len(self.notices) == 1:
            told = self.notices[0].lines()
            # An event says by itself where it happened.
            told += [] if self.notices[0].event else [f"from: {self.sender}"]
            return "\n".join([self.subject(), *told])
        shown = [f"{notice.headline()} {notice.error_id}".rstrip() for notice in self.notices[:SHOWN]]
        left = len(self.notices) - len(shown) + self.more
        told = [*shown, *([f"and {left} more"] if left else [])]
        return "\n".join([self.subject(), f"from: {self.sender}", "", *told])

    def error_ids(self) -> list[str]:
        return [notice.error_id for notice in self.notices if notice.error_id]

    def packed(self) -> dict[str, Any]:
        """What another process needs to go on with it, in about PACKED kilobytes: no traceback, the rest is counted."""
        kept = [_packed(notice) for notice in self.notices[:PACKED]]
        return {"id": self.id, "notices": kept, "more": self.more + len(self.notices) - len(kept)}


def unpacked(told: Mapping[str, Any]) -> Message:
    """The message that `packed` told of. Raises KeyError or TypeError for anything else."""
    notices = [Notice(**{**one, "event": Event(**one["event"]) if one["event"] else None}) for one in told["notices"]]
    return Message(told["id"], tuple(notices), told["more"])


def _packed(notice: Notice) -> dict[str, Any]:
    event = notice.event
    kept = None if event is None else {
        "id": event.id, "service": event.service, "severity": event.severity, "category": event.category,
        "type": event.type, "message": event.message[:300], "fingerprint": event.fingerprint, "time": event.time,
        "pid": event.pid, "worker": event.worker, "environment": event.environment, "release": event.release,
        "request": event.request,
    }  # fmt: skip
    told = {name: getattr(notice, name) for name in Notice.__slots__}
    return {**told, "title": notice.title[:300], "event": kept}


def message(notices: Sequence[Notice], more: int = 0) -> Message:
    return Message(os.urandom(16).hex(), tuple(notices), more)
