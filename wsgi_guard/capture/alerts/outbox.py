"""Messages on their way: a bounded queue and a thread for each channel, so that one that hangs holds up no other.

A failed attempt is repeated after a pause, then the next channel stands in. What nobody took is in the log with the ids
of its errors. What is under way can be asked, so that another process may go on with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from wsgi_guard.capture.channels.wire import Channel, DeliveryError
from wsgi_guard.series import COUNTER, GAUGE, Series

from .courier import Courier, Fate, Parcel
from .news import News
from .notice import Message, Sender
from .routing import Routing

# `threading` and `time` are asked by attribute: gevent may replace what they hold after this module was imported.
log = logging.getLogger("wsgi_guard.alerts")


class Outbox:
    """`most` messages wait for each channel, `timeout` bounds an attempt, in seconds.

    `changed` is called when a message sets out, arrives or fails, on whatever thread that is.
    """

    def __init__(
        self, channels: Mapping[str, Channel], routing: Routing, *, most: int, timeout: float,
        sender: Sender = Sender(),  # noqa: B008  (a value)
    ) -> None:  # fmt: skip
        self._sender = sender
        self._routing = routing
        self._channels = channels
        self._most = most
        self._timeout = timeout
        self.changed: Callable[[], object] = lambda: None
        self.begin()

    def begin(self) -> None:
        """The state of one process."""
        self._closing = threading.Event()
        self._deadline = 0.0
        self._heir = False
        # Guards the fates and the counters.
        self._lock = threading.Lock()
        self._under_way: dict[str, Fate] = {}
        self.delivered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.news = {name: News() for name in self._channels}
        self.dropped = 0
        self.lost = 0
        self.lost_at = 0.0
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
                channel.deliver(message._replace(sender=self._sender), self._timeout)
                found[name] = ""
            except DeliveryError as error:
                found[name] = str(error)
        return found

    def send(self, message: Message, only: Iterable[str] | None = None, *, delivered: bool = False) -> None:
        """By its channels, or by those of `only` that there are; `delivered`: some other channel has taken it."""
        parcels = self._routing.parcels(message.notices)
        if only is not None:
            parcels = {name: parcels.get(name, list(message.notices)) for name in only if name in self._couriers}
        if not parcels:
            return
        message = message._replace(sender=self._sender)
        fate = Fate(message, parcels)
        fate.delivered = delivered
        with self._lock:
            self._under_way[message.id] = fate
        self.changed()
        for name, notices in parcels.items():
            self._couriers[name].put(Parcel(message._replace(notices=tuple(notices)), fate))

    def queued(self) -> int:
        """Messages on their way, each by each of its channels."""
        with self._lock:
            return sum(len(fate.open) for fate in self._under_way.values())

    def under_way(self) -> list[tuple[Message, list[str], bool]]:
        """Messages that may still arrive, oldest first, by which channels, and whether another one has taken it."""
        with self._lock:
            return [(fate.message, sorted(fate.open), fate.delivered) for fate in self._under_way.values()]

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

    def close(self, deadline: float, *, heir: bool = False) -> None:
        """Waits until `deadline` for what is queued; what is left then is the heir's, or in the log without one."""
        self._deadline = deadline
        self._heir = heir
        self._closing.set()
        # Once for each channel: what one fails to deliver may wait at another that had finished.
        for _ in self._couriers:
            for courier in self._couriers.values():
                courier.finish(self._deadline)
        for courier in self._couriers.values():
            for parcel in courier.rest():
                self._gone(courier.name, parcel)

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
            self._leave(name, parcel.fate)
        self.changed()

    def passed_on(self, name: str, parcel: Parcel) -> None:
        """The channel `name` did not take it."""
        with self._lock:
            self.failed[name] += 1
            stand_in = None if parcel.fate.delivered else self._routing.next(parcel.fate.tried)
            if stand_in is not None:
                parcel.fate.tried.add(stand_in)
                parcel.fate.open.add(stand_in)
                self._leave(name, parcel.fate)
        if stand_in is None:
            self._gone(name, parcel)
        else:
            self._couriers[stand_in].put(parcel)
        self.changed()

    def overflowed(self, name: str, parcel: Parcel) -> None:
        with self._lock:
            self.dropped += 1
            self.lost_at = time.time()
        self._gone(name, parcel)

    def _leave(self, name: str, fate: Fate) -> None:
        fate.open.discard(name)
        if not fate.open:
            self._under_way.pop(fate.message.id, None)

    def _gone(self, name: str, parcel: Parcel) -> None:
        """One way less; the last one gone without success means that nobody was told."""
        if self._heir:
            return
        fate = parcel.fate
        with self._lock:
            there = name in fate.open
            self._leave(name, fate)
            lost = there and not fate.open and not fate.delivered
            if lost:
                self.lost += 1
                self.lost_at = time.time()
        if lost:
            ids = ", ".join(fate.message.error_ids()) or "none"
            log.error("alert %s was not delivered: %s; error ids: %s", fate.message.id, fate.message.subject(), ids)
