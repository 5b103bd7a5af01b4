"""Lines of an access log to requests: the guard's own JSON lines, or the combined format of nginx and Apache.

What a line does not hold (headers, bodies) is not made up. Pure.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from .request import Recorded, checked, wire

LONGEST = 64 * 1024
"""Bytes of a line that is read: twice the longest request line and headers that servers take."""

AWAITED = 10_000
"""Lines that are held until those that began before them have come: as many requests as a host has in flight."""

_COMBINED = re.compile(
    r'(\S+) \S+ (\S+) \[([^\]]{20,40})\] "((?:[^"\\]|\\.)*)" (\d{3}) \S+(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?'
)
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))")
# By name, whatever the locale of this process.
_MONTHS = {name: at for at, name in enumerate(re.findall("...", "JanFebMarAprMayJunJulAugSepOctNovDec"), 1)}


class Then(NamedTuple):
    """What was decided about a request when it was served, and by what part of it."""

    layer: str
    verdict: str
    rule: str
    part: str = ""


class Entry(NamedTuple):
    """A request and what was decided about it then; None where no guard wrote the line.

    `clock` is when the clock of the host's counters began, in Unix seconds.
    """

    number: int
    request: Recorded
    decided: tuple[Then, ...] | None
    clock: float = 0.0


class Reader:
    """Reads the lines of one log, which says once in a while by what clock its host counts."""

    def __init__(self) -> None:
        self._clock = 0.0

    def entry(self, line: bytes, number: int) -> Entry | None:
        """As `entry`."""
        if b'"clock"' in line and b'"wsgi_guard.audit"' in line:
            self._clock = float(json.loads(line)["audit"].get("clock") or 0.0)
        found = entry(line, number)
        return found and found._replace(clock=self._clock)


def entry(line: bytes, number: int) -> Entry | None:
    """What a line says; None for a line of another kind. Raises ValueError for one that cannot be understood."""
    if len(line) > LONGEST:
        raise ValueError("the line is too long")
    text = line.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        return _of_json(json.loads(text), number)
    found = _COMBINED.match(text)
    if found is None:
        raise ValueError("neither a JSON line nor the combined log format")
    client, user, when, asked, status, referer, agent = found.groups()
    parts = _plain(asked).split(" ")
    if len(parts) != 3:
        raise ValueError("the request line is not one of HTTP")
    headers = [(name, _plain(value)) for name, value in (("Referer", referer), ("User-Agent", agent)) if value]
    request = Recorded(
        parts[0], wire(parts[1]), client, "" if user == "-" else user,
        tuple((name, wire(value)) for name, value in headers if value != "-"), None, _moment(when), 0.0, int(status),
    )  # fmt: skip
    return Entry(number, checked(request), None)


def in_order(entries: Iterable[Entry]) -> Iterator[Entry]:
    """By the time at which requests began, where at most AWAITED lines lie between; logs are in the order of ends."""
    held: list[tuple[float, int, Entry]] = []
    for one in entries:
        heapq.heappush(held, (one.request.at, one.number, one))
        if len(held) > AWAITED:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def _of_json(line: dict[str, Any], number: int) -> Entry | None:
    access = line
    if line.get("logger") != "wsgi_guard.access":
        return None
    duration = float(access.get("duration") or 0.0)
    ended = datetime.fromisoformat(line["time"])
    request = Recorded(
        str(access["method"]), _target(access), str(access.get("client") or ""),
        str(access.get("identity") or ""), (), None, ended.timestamp() - duration, duration,
        int(access.get("status") or 0), str(access.get("request_id") or ""),
    )  # fmt: skip
    return Entry(number, checked(request), decisions_of(access))


def _target(access: dict[str, Any]) -> str:
    """As it came, where the line holds that; else the path, in which nothing is escaped."""
    target = access.get("target")
    if target is None:
        return wire(str(access["path"]))
    # What was taken out of it may have left other characters than those of a request line.
    return wire(str(target)) if any(char > "\xff" for char in str(target)) else str(target)


def decisions_of(told: dict[str, Any]) -> tuple[Then, ...]:
    """What an access or audit line of the guard's says was decided."""
    names = ("layer", "verdict", "rule", "part")
    return tuple(Then(*(str(one.get(name) or "") for name in names)) for one in told.get("decisions") or ())


def _plain(text: str | None) -> str:
    if not text or "\\" not in text:
        return text or ""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)


def _moment(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        raise ValueError("the time is not one of the combined log format")
    day, month, year, hour, minute, second = found[1], _MONTHS[found[2]], found[3], found[4], found[5], found[6]
    away = timedelta(hours=int(found[8]), minutes=int(found[9]))
    zone = timezone(away if found[7] == "+" else -away) if away else UTC
    return datetime(int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=zone).timestamp()
