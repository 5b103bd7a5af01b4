"""The desk of alerts: takes events from requests, counts with the fleet, and writes the messages that are due.

One thread in each process, woken by an error and at most once a second, asks the store what all workers and hosts have
seen and, by claims there, whether it is the one to speak. Nothing here runs on a request but `take` and a counter.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from wsgi_guard.capture.decide import LEVELS
from wsgi_guard.capture.events import Event
from wsgi_guard.capture.lines import log_failure
from wsgi_guard.changes import FAILING, Change
from wsgi_guard.errors import StoreError
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Finish
from wsgi_guard.series import Series
from wsgi_guard.stores import Store

from . import decide
from .causes import LOOK_EVERY, Causes
from .counts import MONTH, Counts
from .leaving import before_sigterm
from .notice import Notice, message
from .outbox import Outbox
from .rules import Rule
from .speaker import Speaker
from .tally import Tally

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.
log = logging.getLogger("wsgi_guard.alerts")

EVERY = 1.0
"""Seconds between two looks."""
TOGETHER = 3
"""Notices of one look that leave as messages of their own; more are a digest."""
HELD = 200
"""Notices over the hourly cap that wait for a digest; further ones are counted."""
CHANGES = 100


class Policy(NamedTuple):
    """The numbers of the settings; times in whole seconds."""

    severity: str
    cooldown: int
    quiet: int
    per_hour: int
    digest: int
    flush: float


class Desk:
    """`alone` says whether this process is the last to know what it knows, so that it must tell it before it ends."""

    def __init__(
        self, policy: Policy, rules: tuple[Rule, ...], outbox: Outbox, store: Callable[[], Store],
        alone: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        self._policy = policy
        self._rules = rules
        self._outbox = outbox
        self._counts = Counts(store, policy.quiet)
        self._tally = Tally(rules)
        self._alone = alone
        self._pid = 0
        self._registered = False
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._bell = threading.Event()
        self._closing = threading.Event()
        # Guards a look: the thread's, or the last one of the process.
        self._look = threading.Lock()
        self._causes = Causes()
        self._changes: deque[Change] = deque(maxlen=CHANGES)
        self._speaker = Speaker(self._policy.cooldown, self._counts, self._rules)
        self._held: list[Notice] = []
        self._more = 0
        self._untracked = 0

    # what others tell

    def take(self, event: Event, facts: Facts | None) -> None:
        if self._pid != os.getpid():
            self._renew()
        self._tally.take(event, facts)
        self._bell.set()
        if self._thread is None and not self._closing.is_set():
            self.start()

    def changed(self, change: Change) -> None:
        """A check began to fail or works again; one process of each host may tell it."""
        if self._pid != os.getpid():
            self._renew()
        self._changes.append(change)
        self._bell.set()

    def adopt(self, events: Iterable[Event]) -> None:
        """Goes on with what processes before this one knew of: there may be something left to tell."""
        with self._look:
            for event in events:
                self._causes.add(event.fingerprint, 0, event)

    def counting(self, finish: Finish) -> Finish:
        return self._tally.counting(finish)

    def start(self) -> None:
        """The thread of this process; called again in a child after a fork."""
        if self._pid != os.getpid():
            self._renew()
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="wsgi_guard-alerts", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The process ends or may start no more threads: the last look will find what was taken.
            self._thread = None
        if not self._registered:
            self._registered = True
            atexit.register(self.close)
            before_sigterm(self.close)

    def _renew(self) -> None:
        self._tally.begin()
        self._outbox.begin()
        self._begin()

    # what it tells

    def report(self) -> str | None:
        """What keeps alerts from their readers, in a sentence; None when all is well."""
        troubles = [f"{name}: {why}" for name, why in self._outbox.down().items()]
        if self._counts.away:
            troubles.append("the store is away, each process alerts by itself")
        return "; ".join(troubles) or None

    def state(self) -> dict[str, Any]:
        outbox, down = self._outbox, self._outbox.down()
        return {
            "channels": [
                {"name": name, "state": "down" if name in down else "up", "cause": down.get(name, ""),
                 "delivered": outbox.delivered[name], "failed": outbox.failed[name]}
                for name in outbox.names
            ],
            "state": "degraded" if self.report() else "ok",
            "queued": outbox.queued(), "dropped": outbox.dropped, "lost": outbox.lost,
            "held_for_digest": len(self._held) + self._more, "untracked": self._untracked,
        }  # fmt: skip

    def series(self) -> Iterable[Series]:
        return self._outbox.series()

    # the thread

    def _run(self) -> None:
        bell, closing = self._bell, self._closing
        while not closing.is_set():
            bell.wait(EVERY)
            bell.clear()
            self.look()
            closing.wait(EVERY)

    def look(self, *, last: bool = False) -> None:
        """One look at what happened; whatever fails in it is told in the log and tried again at the next."""
        with self._look:
            speaker = self._speaker
            try:
                self._gather()
                self._speak(last)
            except StoreError:
                # `Counts` has told it. What was not counted still stands here.
                pass
            except Exception as failure:
                log_failure("looking for alerts", failure)
            try:
                self._hand_over(speaker.spoken(), last)
            except Exception as failure:
                log_failure("handing over alerts", failure)

    def _gather(self) -> None:
        drained = self._tally.drain()
        self._untracked += drained.untracked
        for fingerprint, (count, event) in drained.causes.items():
            self._causes.add(fingerprint, count, event)
        self._speaker.gather(drained)

    def _speak(self, last: bool) -> None:
        now = time.monotonic()
        due = list(self._causes.items()) if last else self._causes.due(now)
        sums = self._counts.add([(key, cause.delta) for key, cause in due])
        for (key, cause), found in zip(due, sums, strict=True):
            cause.delta, cause.look_at = 0, now + LOOK_EVERY
            grave = LEVELS[cause.severity] >= LEVELS[self._policy.severity]
            if grave:
                self._speaker.cause(key, cause, found, last=last and self._alone())
            open_still = grave and (cause.escalated or found.total > found.told)
            if not found.fresh and not open_still:
                del self._causes[key]
        self._speaker.rules(self._causes, now)
        while self._changes:
            self._change(self._changes[0])
            self._changes.popleft()

    def _change(self, change: Change) -> None:
        counts, key = self._counts, f"check:{change.check}"
        severity = "CRITICAL" if change.tier == "ready" else "ERROR"
        if change.state == FAILING:
            if counts.claim(key, self._policy.cooldown) and counts.claim(f"{key}:open", MONTH):
                title = f"health check {change.check!r} fails"
                why = f"{change.cause}; affected: {', '.join(change.affected)}" if change.affected else change.cause
                self._speaker.say(Notice(decide.FIRST, key, title, severity, "external", 1, 1, why))
        elif counts.claimed(f"{key}:open", MONTH) and counts.claim(f"{key}:over", self._policy.quiet):
            counts.release(f"{key}:open", MONTH)
            title = f"health check {change.check!r} passes again"
            why = f"after {max(0, change.time - change.since):.0f} s"
            self._speaker.say(Notice(decide.RECOVERED, key, title, severity, "external", 0, 0, why))

    def _hand_over(self, notices: list[Notice], last: bool) -> None:
        groups = [notices] if len(notices) > TOGETHER else [[notice] for notice in notices]
        for group in groups:
            if self._may("cap", 3600, self._policy.per_hour):
                self._outbox.send(message(group))
            else:
                self._hold(group)
        if self._held and (last or self._may("digest", self._policy.digest)):
            self._outbox.send(message(self._held, self._more))
            self._held, self._more = [], 0

    def _may(self, name: str, seconds: int, quantity: int = 1) -> bool:
        """A claim; where nobody can tell, the message goes out."""
        try:
            return self._counts.claim(name, seconds, quantity)
        except StoreError:
            return True

    def _hold(self, notices: list[Notice]) -> None:
        room = HELD - len(self._held)
        self._held += notices[:room]
        self._more += len(notices[room:])

    # the end

    def close(self, limit: float | None = None) -> None:
        """The last look of this process, then at most `limit` seconds for what is queued, the setting's by default."""
        if self._pid != os.getpid() or self._closing.is_set():
            return
        self._closing.set()
        self._bell.set()
        self.look(last=True)
        self._outbox.close(self._policy.flush if limit is None else limit)

    def test(self) -> dict[str, str]:
        """Channel -> why a message that says that it is a test did not arrive there, "" where it did."""
        why = "somebody ran wsgi-guard alerts test"
        notice = Notice(decide.FIRST, "test", "this is a test: alerts reach you", "INFO", "other", 1, 1, why)
        return self._outbox.try_all(message([notice]))
