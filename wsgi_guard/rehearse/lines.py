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


class Entry(NamedTuple):
    """A request and what was decided about it then: (layer, verdict, rule); None where no guard wrote the line."""

    number: int
    request: Recorded
    decided: tuple[tuple[str, str, str], ...] | None


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
        str(access["method"]), wire(str(access["path"])), str(access.get("client") or ""),
        str(access.get("identity") or ""), (), None, ended.timestamp() - duration, duration,
        int(access.get("status") or 0), str(access.get("request_id") or ""),
    )  # fmt: skip
    return Entry(number, checked(request), decisions_of(access))


def decisions_of(told: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """What an access or audit line of the guard's says was decided."""
    found = told.get("decisions") or ()
    return tuple((str(one.get("layer")), str(one.get("verdict")), str(one.get("rule") or "")) for one in found)


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
