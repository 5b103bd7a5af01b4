"""What this process has counted of events, and what all processes of the host have: for the admin page and metrics.

Written only when there is an event. With a board, as under the gunicorn hooks, each process tells its counts there soon
after, by a thread that lives as long as it takes.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from weakref import ref

from .events import Event

if TYPE_CHECKING:
    from wsgi_guard.board import Board, Row

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.

GROUPS = 256
"""Fingerprints that are remembered, at about 1 KB each; the one seen longest ago makes room for a new one."""
TOLD = 24
"""Fingerprints of each process that the others get to know: what half a board's row holds."""
CATEGORIES = 32
"""Names of categories that are told apart; a function of the user's may invent more, which count as "other"."""
SLOT = 10
"""Seconds that are counted together: the last minute is the last 50 to 60 seconds."""
SLOTS = 60 * 60 // SLOT
EVERY = 0.2
"""Seconds from an event to the board."""

Group = dict[str, Any]


class Ledger:
    """Counts since the start of the server."""

    def __init__(self, board: Callable[[], Board | None] = lambda: None) -> None:
        self._board = board
        self.more: Callable[[], dict[str, Any]] = dict
        """What else the others of the host get to know."""
        self.counted: Callable[[str, str], object] = lambda category, severity: None
        """Told of each event at once, in whose memory it outlives this process."""
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._row: Row | None = None
        self._joined = False
        self._waiting = False
        self._before: dict[str, Any] = {}
        # Guards all counts; nothing inside waits.
        self._lock = threading.Lock()
        self.categories: Counter[tuple[str, str]] = Counter()
        self._slots: Counter[int] = Counter()
        self._groups: dict[str, Group] = {}

    def add(self, event: Event) -> None:
        self._join()
        with self._lock:
            category = self._count(event)
            told = self._row is None or self._waiting
            self._waiting = self._waiting or not told
        self.counted(category, event.severity)
        if told:
            return
        timer = threading.Timer(EVERY, self._write)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            # The process ends or may start no more threads.
            self._write()

    def _count(self, event: Event) -> str:
        known = {name for name, _ in self.categories}
        category = event.category if event.category in known or len(known) < CATEGORIES else "other"
        self.categories[category, event.severity] += 1
        slot = int(time.time()) // SLOT
        self._slots[slot] += 1
        for old in [one for one in self._slots if one <= slot - SLOTS]:
            del self._slots[old]
        group = self._groups.pop(event.fingerprint, None) or {"fingerprint": event.fingerprint, "count": 0}
        group |= {
            "count": group["count"] + 1, "type": event.type, "message": event.message[:200], "category": category,
            "severity": event.severity, "service": event.service, "last_id": event.id, "last_time": event.time,
        }  # fmt: skip
        group.setdefault("first_time", event.time)
        self._groups[event.fingerprint] = group
        if len(self._groups) > GROUPS:
            del self._groups[next(iter(self._groups))]
        return category

    def stats(self) -> dict[str, Any]:
        """What all processes of the host have counted; without a board what this one has."""
        pages = [self._page(GROUPS), *self.others()]
        return summed(pages, int(time.time()) // SLOT)

    @property
    def shared(self) -> bool:
        """Whether others of the host read what this process tells, and go on with it."""
        self._join()
        return self._row is not None

    def before(self) -> dict[str, Any]:
        """What the process before this one told last, in whose place this one is; {} for none."""
        self._join()
        return self._before

    def others(self) -> list[dict[str, Any]]:
        """What the other processes of the host tell."""
        self._join()
        return self._row.others() if self._row is not None else []

    def orphans(self) -> list[dict[str, Any]]:
        """What processes told that are gone and in whose place nobody is; each once, to one of those that are left."""
        self._join()
        found: list[dict[str, Any]] = []

        def take(page: dict[str, Any]) -> dict[str, Any] | None:
            if not page or page.get("taken"):
                return None
            found.append(page)
            # Its counts stay, what it had under way is the taker's.
            return {**page, "taken": True, "alerts": {**page.get("alerts", {}), "under_way": []}}

        if self._row is not None:
            self._row.settle(take)
        return found

    def tell(self) -> None:
        """Lets the others know at once."""
        self._join()
        self._write()

    def latest(self) -> list[Event]:
        """The last event of each cause that this process knows, or took over; as much of it as is kept."""
        self._join()
        with self._lock:
            return [event_of(group) for group in self._groups.values()]

    def _page(self, most: int) -> dict[str, Any]:
        # It goes on with that of the process before.
        self._join()
        more = self.more()
        with self._lock:
            return {
                **more,
                "pid": self._pid,
                "categories": [[*names, count] for names, count in self.categories.items()],
                "slots": list(self._slots.items()),
                "groups": [dict(group) for group in list(self._groups.values())[-most:]],
            }

    def _join(self) -> None:
        """Takes this process's row once, and goes on with what the process before it had told."""
        if self._pid != os.getpid():
            self._begin()
        if self._joined:
            return
        self._joined = True
        board = self._board()
        self._row = board.join() if board is not None else None
        self._before = before = self._row.inherited if self._row is not None else {}
        if self._row is not None:
            # What was counted since the others were told last.
            atexit.register(_tell_last, ref(self), os.getpid())
        with self._lock:
            self.categories.update({(name, grave): count for name, grave, count in before.get("categories", ())})
            self._slots.update(dict(before.get("slots", ())))
            self._groups.update({group["fingerprint"]: group for group in before.get("groups", ())})

    def _write(self) -> None:
        self._waiting = False
        row = self._row
        if row is not None and not row.write(self._page(TOLD)):
            row.write(self._page(0))


def _tell_last(ledger: ref[Ledger], pid: int) -> None:
    found = ledger()
    if found is not None and pid == os.getpid():
        found.tell()


def event_of(group: Group) -> Event:
    return Event(
        id=group["last_id"], service=group["service"], severity=group["severity"], category=group["category"],
        type=group["type"], message=group["message"], fingerprint=group["fingerprint"], time=group["last_time"],
    )  # fmt: skip


def told(pages: Iterable[dict[str, Any]]) -> list[Event]:
    """The last event of each cause that any process of the host told of."""
    groups = [group for page in pages for group in page.get("groups", ())]
    return [event_of(group) for group in {group["fingerprint"]: group for group in groups}.values()]


def summed(pages: Iterable[dict[str, Any]], now: int) -> dict[str, Any]:
    """The pages of several processes as one answer; `now` is the number of the slot that runs. Pure."""
    categories: Counter[str] = Counter()
    severities: Counter[str] = Counter()
    slots: Counter[int] = Counter()
    groups: dict[str, Group] = {}
    for page in pages:
        for name, grave, count in page.get("categories", ()):
            categories[name] += count
            severities[grave] += count
        for at, count in page.get("slots", ()):
            slots[at] += count
        for group in page.get("groups", ()):
            groups[group["fingerprint"]] = _joined(groups.get(group["fingerprint"]), group)
    top = sorted(groups.values(), key=lambda group: (-group["count"], group["fingerprint"]))
    return {
        "total": sum(categories.values()),
        "categories": dict(categories.most_common()),
        "severities": dict(severities.most_common()),
        "rates": {
            f"last_{span}_minutes": sum(count for at, count in slots.items() if now - span * 60 // SLOT < at <= now)
            for span in (1, 5, 60)
        },
        "top": top[:20],
    }


def _joined(one: Group | None, other: Group) -> Group:
    if one is None:
        return dict(other)
    last = max(one, other, key=lambda group: str(group["last_time"]))
    first = min(str(one["first_time"]), str(other["first_time"]))
    return {**last, "count": one["count"] + other["count"], "first_time": first}
