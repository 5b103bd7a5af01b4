"""The queue and the thread of one channel, and what becomes of the messages that it carries.

A failed attempt is repeated after a pause while nobody else can carry the message, or for a while where somebody can.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from wsgi_guard.capture.channels.wire import Channel, DeliveryError

from .notice import Message

if TYPE_CHECKING:
    from .outbox import Outbox

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.
log = logging.getLogger("wsgi_guard.alerts")

PAUSES = (1.0, 3.0)
"""Seconds before the second and third attempt, where another channel can stand in."""
STAND_IN = 8.0
"""Seconds after which no further attempt is made there: with attempts of five seconds its turn comes after 11."""
PATIENCE = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)
"""The same where no other channel is left: about four minutes."""
DOWN = 30.0
"""Seconds for which a channel that failed is passed over where another can stand in."""


class Fate:
    """What becomes of one message: `open` are the channels by which it may still arrive."""

    __slots__ = ("delivered", "message", "open", "tried")

    def __init__(self, message: Message, targets: Iterable[str]) -> None:
        self.message = message
        self.tried = set(targets)
        self.open = set(self.tried)
        self.delivered = False


class Parcel(NamedTuple):
    message: Message
    fate: Fate


class Courier:
    """The queue and the thread of one channel; the thread starts with the first message."""

    def __init__(self, outbox: Outbox, channel: Channel, most: int, timeout: float) -> None:
        self.name = channel.name
        self._outbox = outbox
        self._channel = channel
        self._most = most
        self._queue: deque[Parcel] = deque()
        self._bell = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy: Parcel | None = None
        self._down_until = 0.0

    def put(self, parcel: Parcel) -> None:
        with self._bell:
            full = len(self._queue) >= self._most
            if not full:
                self._queue.append(parcel)
                self._bell.notify_all()
                if self._thread is None:
                    self._start()
        if full:
            self._outbox.overflowed(self.name, parcel)

    def _start(self) -> None:
        name = f"wsgi_guard-{self.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The process ends or may start no more threads: `finish` sends what waits by itself.
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._bell:
                while not self._queue:
                    self._bell.wait()
                self._busy = parcel = self._queue.popleft()
            try:
                self._carry(parcel)
            except Exception:
                log.exception("delivering by %s failed in a way that nobody foresaw", self.name)
                self._outbox.passed_on(self.name, parcel)
            with self._bell:
                self._busy = None
                self._bell.notify_all()

    def _carry(self, parcel: Parcel) -> None:
        """Attempts until it arrives or there is no more hope; then it is passed on."""
        name, spare, began = self.name, self._outbox.spare(parcel), time.monotonic()
        if spare and began < self._down_until:
            self._outbox.passed_on(name, parcel)
            return
        for pause in (*(PAUSES if spare else PATIENCE), None):
            seconds = self._outbox.left()
            if seconds <= 0:
                break
            try:
                self._channel.deliver(parcel.message, seconds)
            except DeliveryError as error:
                self._fails(error)
                if spare and time.monotonic() - began > STAND_IN:
                    break
                if error.final or pause is None or not self._outbox.rest(min(max(pause, error.pause), 60.0)):
                    break
            else:
                self._recovers()
                self._outbox.arrived(name, parcel)
                return
        self._down_until = time.monotonic() + DOWN
        self._outbox.passed_on(name, parcel)

    def _fails(self, error: DeliveryError) -> None:
        news = self._outbox.news[self.name]
        if not news.cause:
            log.warning("alerts by %s do not get through: %s", self.name, error)
        news.cause, news.failed_at = str(error), time.time()
        self._outbox.changed()

    def _recovers(self) -> None:
        news = self._outbox.news[self.name]
        if news.cause:
            log.info("alerts by %s get through again", self.name)
        news.cause, news.arrived_at, self._down_until = "", time.time(), 0.0

    def finish(self, deadline: float) -> None:
        """Waits until nothing is on its way, or the deadline."""
        while self._queue and self._thread is None and time.monotonic() < deadline:
            self._carry(self._queue.popleft())
        with self._bell:
            while (self._queue or self._busy) and self._thread is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._bell.wait(left)

    def rest(self) -> list[Parcel]:
        """What was not delivered, taken out."""
        with self._bell:
            found = [*([self._busy] if self._busy else []), *self._queue]
            self._queue.clear()
        return found
