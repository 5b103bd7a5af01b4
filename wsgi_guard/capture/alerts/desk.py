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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from wsgi_guard.capture.decide import LEVELS
from wsgi_guard.capture.events import Event
from wsgi_guard.capture.ledger import Ledger, told
from wsgi_guard.capture.lines import log_failure
from wsgi_guard.changes import Change
from wsgi_guard.errors import StoreError
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Finish
from wsgi_guard.series import Series
from wsgi_guard.stores import Store

from . import decide
from .account import Account
from .cap import Cap
from .causes import LOOK_EVERY, Causes
from .checks import Checks
from .counts import Counts
from .decide import Policy
from .leaving import before_sigterm
from .news import Page
from .notice import Notice, message, unpacked
from .outbox import Outbox
from .rules import Rule
from .speaker import Speaker
from .tally import Tally

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.
log = logging.getLogger("wsgi_guard.alerts")

EVERY = 1.0
"""Seconds between two looks."""
ORPHANS_EVERY = 5.0
OVER = 1.0
"""Seconds beyond the flush that the last look may take when nobody else ends the process."""


class Desk:
    """`alone` says whether no other process knows what this one has counted, so that it must tell it before it ends."""

    def __init__(
        self, policy: Policy, rules: tuple[Rule, ...], outbox: Outbox, store: Callable[[], Store],
        alone: Callable[[], bool] = lambda: True, space: str = "",
    ) -> None:  # fmt: skip
        self._policy = policy
        self._rules = rules
        self._outbox = outbox
        self._counts = Counts(store, policy.quiet, space)
        self._tally = Tally(rules)
        self._alone = alone
        self._account = Account(outbox, self._own_numbers)
        self._pid = 0
        self._registered = False
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._ends_at: float | None = None
        # Guards a look: the thread's, or the last one of the process.
        self._look = threading.Lock()
        self._causes = Causes()
        self._checks = Checks(self._counts, self._policy.cooldown)
        self._speaker = Speaker(self._policy.cooldown, self._counts, self._rules)
        self._cap = Cap(self._outbox, self._counts, self._policy.per_hour, self._policy.digest)
        self._untracked = 0
        self._orphans_at = 0.0
        self._account.begin()

    def share(self, ledger: Ledger) -> None:
        """From now on the other processes of the host get to know by `ledger` what is under way here."""
        self._account.ledger, self._outbox.changed = ledger, ledger.tell

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
        self._checks.add(change)
        self._bell.set()

    def adopt(self, events: Iterable[Event]) -> None:
        """Goes on with what processes before this one knew of: there may be something left to tell."""
        with self._look:
            for event in events:
                self._causes.add(event.fingerprint, 0, event)

    def inherit(self, told_before: Mapping[str, Any]) -> None:
        """Goes on in the place of a process that is gone: with its numbers, and with what it had under way."""
        page = told_before.get("alerts", {})
        self._account.inherit(page)
        self._go_on(page)

    def _go_on(self, page: Page) -> None:
        for packed, names in page.get("under_way", ()):
            try:
                sent = unpacked(packed)
            except (KeyError, TypeError):
                # Of another version of the guard.
                continue
            self._outbox.send(sent, names, delivered=bool(packed.get("delivered")))

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
            before_sigterm(self.close, self._policy.flush + OVER)

    def _renew(self) -> None:
        self._tally.begin()
        self._outbox.begin()
        self._begin()

    def report(self) -> str | None:
        """What keeps alerts of this host from their readers, in a sentence (see `reports.py`)."""
        return self._account.report()

    def state(self) -> dict[str, Any]:
        """How alerts stand on this host."""
        return self._account.state()

    def page(self) -> Page:
        """What the other processes of the host get to know."""
        return self._account.page()

    def _own_numbers(self) -> Page:
        return {"held_for_digest": self._cap.held, "untracked": self._untracked, "store_away": self._counts.away}

    def series(self) -> Iterable[Series]:
        return self._outbox.series()

    def _run(self) -> None:
        bell, closing = self._bell, self._closing
        while not closing.is_set():
            bell.wait(EVERY)
            bell.clear()
            self.look()
            self._look_for_orphans()
            closing.wait(EVERY)

    def _look_for_orphans(self) -> None:
        now, ledger = time.monotonic(), self._account.ledger
        if ledger is None or now < self._orphans_at:
            return
        self._orphans_at = now + ORPHANS_EVERY
        try:
            pages = ledger.orphans()
            self.adopt(told(pages))
            for page in pages:
                self._go_on(page.get("alerts", {}))
        except Exception as failure:
            log_failure("looking for alerts of processes that are gone", failure)

    def look(self, *, last: bool = False, hurry: bool = False, now: float | None = None) -> None:
        """One look at what happened; whatever fails in it is told in the log and tried again at the next.

        `hurry`: there will be no other, so all is told that nobody was told of. `now` in seconds of any clock.
        """
        with self._look:
            speaker = self._speaker
            try:
                self._gather()
                self._ask(time.monotonic() if now is None else now, last=last, hurry=hurry)
            except Exception as failure:
                log_failure("looking for alerts", failure)
            try:
                self._cap.hand_over(speaker.spoken(), last=last)
            except Exception as failure:
                log_failure("handing over alerts", failure)

    def _ask(self, now: float, *, last: bool, hurry: bool) -> None:
        try:
            self._speak(now, hurry=hurry, every=last)
        except StoreError:
            # `Counts` has told it. What was not counted still stands here, for the next look if there is one.
            if last:
                self._counts.go_alone()
                self._speak(now, hurry=hurry, every=True)

    def _gather(self) -> None:
        drained = self._tally.drain()
        self._untracked += drained.untracked
        for fingerprint, (count, event) in drained.causes.items():
            self._causes.add(fingerprint, count, event)
        self._speaker.gather(drained)

    def _speak(self, now: float, *, hurry: bool, every: bool) -> None:
        due = list(self._causes.items()) if every else self._causes.due(now)
        sums = self._counts.add([(key, cause.delta) for key, cause in due])
        for (key, cause), found in zip(due, sums, strict=True):
            cause.delta, cause.look_at = 0, now + LOOK_EVERY
            # What a threshold made worth a message has its end told too.
            grave = cause.escalated or LEVELS[cause.severity] >= LEVELS[self._policy.severity]
            if grave:
                self._speaker.cause(key, cause, found, last=hurry)
            open_still = grave and (cause.escalated or found.total > found.told)
            if not found.fresh and not open_still:
                del self._causes[key]
        self._speaker.rules(self._causes, now)
        for notice in self._checks.due():
            self._speaker.say(notice)

    # the end

    def close(self) -> None:
        """The last look of this process, then what is queued, for as long as the settings let it.

        Half as long where another process goes on with what is left, for that one has as much.
        """
        self._close(hurry=self._alone(), heir=self._account.shared)

    def part(self) -> float:
        """As `close`; then how many seconds of the flush are left for others who have something to send."""
        self.close()
        return self._policy.flush if self._ends_at is None else max(0.0, self._ends_at - time.monotonic())

    def close_last(self, pages: Sequence[dict[str, Any]]) -> None:
        """As `close`, in the one process that goes on with what all others knew and had under way."""
        if self._pid != os.getpid():
            self._renew()
        self.adopt(told(pages))
        for page in pages:
            self._go_on(page.get("alerts", {}))
        self._close(hurry=True, share=0.5)

    def _close(self, *, hurry: bool, heir: bool = False, share: float = 1.0) -> None:
        if self._pid != os.getpid() or self._closing.is_set():
            return
        self._closing.set()
        self._bell.set()
        now, flush = time.monotonic(), self._policy.flush
        self._ends_at, deadline = now + flush, now + flush * (0.5 if heir else share)
        self.look(last=True, hurry=hurry)
        self._outbox.close(deadline, heir=heir)

    def test(self) -> dict[str, str]:
        """Channel -> why a message that says that it is a test did not arrive there, "" where it did."""
        why = "somebody ran wsgi-guard alerts test"
        notice = Notice(decide.FIRST, "test", "this is a test: alerts reach you", "INFO", "other", 1, 1, why)
        return self._outbox.try_all(message([notice]))
