"""Messages on their way: a bounded queue and a thread for each channel, so that one that hangs holds up no other.

A failed attempt is repeated after a pause, then the next channel stands in. What nobody took is in the log with the ids
of its errors.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wsgi_guard.capture.channels.wire import Channel, DeliveryError
from wsgi_guard.series import COUNTER, GAUGE, Series

from .notice import Message
from .routing import Routing

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.
log = logging.getLogger("wsgi_guard.alerts")

PAUSES = (1.0, 3.0)
"""Seconds before the second and third attempt. With attempts of five seconds another channel's turn comes after 19."""
PATIENCE = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)
"""The same where no other channel is left: about four minutes."""
DOWN = 30.0
"""Seconds for which a channel that failed is passed over where another can stand in."""


class Fate:
    """What becomes of one message: `left` parcels that may still arrive."""

    __slots__ = ("delivered", "left", "message", "tried")

    def __init__(self, message: Message, targets: Iterable[str]) -> None:
        self.message = message
        self.tried = set(targets)
        self.left = len(self.tried)
        self.delivered = False


class Parcel(NamedTuple):
    message: Message
    fate: Fate


class Outbox:
    """`most` messages wait for each channel, `timeout` bounds an attempt, in seconds."""

    def __init__(self, channels: Mapping[str, Channel], routing: Routing, *, most: int, timeout: float) -> None:
        self._routing = routing
        self._channels = channels
        self._most = most
        self._timeout = timeout
        self.begin()

    def begin(self) -> None:
        """The state of one process."""
        self._closing = threading.Event()
        self._deadline = 0.0
        # Guards the fates and the counters.
        self._lock = threading.Lock()
        self.delivered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.dropped = 0
        self.lost = 0
        self._couriers = {
            name: Courier(self, channel, self._most, self._timeout) for name, channel in self._channels.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._couriers)

    def try_all(self, message: Message) -> dict[str, str]:
        """Channel -> what became of a message that is delivered here and now, "" for arrived."""
        found = {}
        for name, channel in self._channels.items():
            try:
                channel.deliver(message, self._timeout)
                found[name] = ""
            except DeliveryError as error:
                found[name] = str(error)
        return found

    def send(self, message: Message) -> None:
        parcels = self._routing.parcels(message.notices)
        fate = Fate(message, parcels)
        for name, notices in parcels.items():
            self._couriers[name].put(Parcel(message._replace(notices=tuple(notices)), fate))

    def queued(self) -> int:
        return sum(courier.waiting() for courier in self._couriers.values())

    def down(self) -> dict[str, str]:
        """Channel -> why, for those whose last message failed."""
        return {name: courier.trouble for name, courier in self._couriers.items() if courier.trouble}

    def series(self) -> Iterable[Series]:
        for name in self._couriers:
            labels = (("channel", name),)
            yield Series(
                "wsgi_guard_alerts_delivered", COUNTER, "Messages that a channel took.", self.delivered[name], labels
            )
            yield Series(
                "wsgi_guard_alerts_failed", COUNTER, "Messages that a channel did not take.", self.failed[name], labels
            )
        yield Series("wsgi_guard_alerts_dropped", COUNTER, "Messages for which a queue had no room.", self.dropped)
        yield Series("wsgi_guard_alerts_lost", COUNTER, "Messages that no channel took.", self.lost)
        yield Series("wsgi_guard_alerts_queued", GAUGE, "Messages on their way.", self.queued())

    def close(self, limit: float) -> None:
        """Waits at most `limit` seconds for what is queued; what is left then is in the log."""
        self._deadline = time.monotonic() + limit
        self._closing.set()
        # Once for each channel: what one fails to deliver may wait at another that had finished.
        for _ in self._couriers:
            for courier in self._couriers.values():
                courier.finish(self._deadline)
        for courier in self._couriers.values():
            for parcel in courier.rest():
                self._gone(parcel)

    # for couriers

    def left(self) -> float:
        """Seconds for an attempt."""
        if not self._closing.is_set():
            return self._timeout
        return min(self._timeout, self._deadline - time.monotonic())

    def rest(self, seconds: float) -> bool:
        """Pauses between two attempts; False when there will be no other."""
        return not self._closing.wait(seconds)

    def spare(self, parcel: Parcel) -> bool:
        """Whether another channel can stand in, or has what this one failed to deliver."""
        with self._lock:
            return parcel.fate.delivered or self._routing.next(parcel.fate.tried) is not None

    def arrived(self, name: str, parcel: Parcel) -> None:
        with self._lock:
            self.delivered[name] += 1
            parcel.fate.delivered = True
            parcel.fate.left -= 1

    def passed_on(self, name: str, parcel: Parcel) -> None:
        """The channel `name` did not take it."""
        with self._lock:
            self.failed[name] += 1
            stand_in = None if parcel.fate.delivered else self._routing.next(parcel.fate.tried)
            if stand_in is not None:
                parcel.fate.tried.add(stand_in)
        if stand_in is None:
            self._gone(parcel)
        else:
            self._couriers[stand_in].put(parcel)

    def overflowed(self, parcel: Parcel) -> None:
        with self._lock:
            self.dropped += 1
        self._gone(parcel)

    def _gone(self, parcel: Parcel) -> None:
        """One way less; the last one gone without success means that nobody was told."""
        fate = parcel.fate
        with self._lock:
            fate.left -= 1
            lost = fate.left <= 0 and not fate.delivered
            self.lost += lost
        if lost:
            ids = ", ".join(fate.message.error_ids()) or "none"
            log.error("alert %s was not delivered: %s; error ids: %s", fate.message.id, fate.message.subject(), ids)


class Courier:
    """The queue and the thread of one channel; the thread starts with the first message."""

    def __init__(self, outbox: Outbox, channel: Channel, most: int, timeout: float) -> None:
        self._outbox = outbox
        self._channel = channel
        self._most = most
        self._queue: deque[Parcel] = deque()
        self._bell = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy: Parcel | None = None
        self._down_until = 0.0
        self.trouble = ""

    def waiting(self) -> int:
        return len(self._queue) + (self._busy is not None)

    def put(self, parcel: Parcel) -> None:
        with self._bell:
            full = len(self._queue) >= self._most
            if not full:
                self._queue.append(parcel)
                self._bell.notify_all()
        if full:
            self._outbox.overflowed(parcel)
        elif self._thread is None:
            self._start()

    def _start(self) -> None:
        name = f"wsgi_guard-{self._channel.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The process ends or may start no more threads: `close` puts what waits into the log.
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
                log.exception("delivering by %s failed in a way that nobody foresaw", self._channel.name)
                self._outbox.passed_on(self._channel.name, parcel)
            with self._bell:
                self._busy = None
                self._bell.notify_all()

    def _carry(self, parcel: Parcel) -> None:
        """Attempts until it arrives or there is no more hope; then it is passed on."""
        name, spare = self._channel.name, self._outbox.spare(parcel)
        if spare and time.monotonic() < self._down_until:
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
                if error.final or pause is None or not self._outbox.rest(min(max(pause, error.pause), 60.0)):
                    break
            else:
                self._recovers()
                self._outbox.arrived(name, parcel)
                return
        self._down_until = time.monotonic() + DOWN
        self._outbox.passed_on(name, parcel)

    def _fails(self, error: DeliveryError) -> None:
        if not self.trouble:
            log.warning("alerts by %s do not get through: %s", self._channel.name, error)
        self.trouble = str(error)

    def _recovers(self) -> None:
        if self.trouble:
            log.info("alerts by %s get through again", self._channel.name)
        self.trouble, self._down_until = "", 0.0

    def finish(self, deadline: float) -> None:
        """Waits until nothing is on its way, or the deadline."""
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
