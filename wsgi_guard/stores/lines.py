"""Open lines to one server: lent last-in first-out, dialled on a thread, never waited for beyond a deadline.

Knows no protocol: `dial` returns a line that has proved itself, or raises. A request does not dial itself, since name
resolution knows no timeout and TLS none of milliseconds: it waits for the dialling thread until its own deadline, and
a line that comes too late serves the next request. After a failure nobody waits: one thread looks from time to time.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, Protocol, TypeVar

from wsgi_guard.errors import StoreError

from .breaker import Breaker

MOST = 64
"""Lines of one process, in use, idle or being dialled; whoever finds none left queues for one to come back."""

SEVERAL = 3
"""Replies or connections in a row that did not come in time until the server counts as away: a busy machine holds up
one, a server that hangs holds up all."""


class Line(Protocol):
    def stale(self) -> bool:
        """Whether the server closed it, or sent what nobody asked for."""
        ...

    def hang_up(self) -> None: ...


L = TypeVar("L", bound=Line)

# `threading` is asked by attribute: gevent may replace its classes after this module was imported (--preload).


class Waiter(Generic[L]):
    """Somebody in the queue; `told` when there is a line for it, or no hope of one."""

    __slots__ = ("line", "told")

    def __init__(self) -> None:
        self.line: L | None = None
        self.told = threading.Event()


class Lines(Generic[L]):
    """`where` names the server in messages; `pauses` are the first and the longest time between two looks at it.

    `patience`, in seconds, is what the first line of a process may take at least, whatever deadlines say.
    """

    def __init__(
        self, where: str, dial: Callable[[], L], pauses: tuple[float, float] = (1.0, 5.0), patience: float = 0.0
    ) -> None:
        self._where = where
        self._dial = dial
        self._pauses = pauses
        self._patience = patience
        self._forget: Callable[[], object] = lambda: None
        self._begin()

    def _begin(self) -> None:
        """The state of one process: a fork shares no line, no lock and no verdict with its parent."""
        self._pid = os.getpid()
        self._forget()
        self._free: list[L] = []
        # Left to the collector a socket may end before the driver's connection, and is called a leak then.
        end = weakref.finalize(self, _hang_up, self._free)
        end.atexit = False
        self._forget = end.detach
        self._queue: deque[Waiter[L]] = deque()
        self._count = 0
        self._dialling = 0
        self._why = ""
        self._lates = 0
        # Whether the server was reached once, or found away.
        self._met = False
        self._breaker = Breaker(*self._pauses)
        # Guards the queue and both numbers. Taken only when lines run out, come or go.
        self._lock = threading.Lock()

    def take(self, deadline: float) -> L:
        """A line for the caller alone, to be given back or lost. Raises StoreError at the deadline, often sooner."""
        if self._pid != os.getpid():
            self._begin()
        if self._breaker.open:
            if self._breaker.look(monotonic()):
                self._start_dialling()
            raise self._away()
        while True:
            try:
                line = self._free.pop()
            except IndexError:
                break
            if not line.stale():
                return line
            self.drop(line)
        return self._await(deadline)

    def give(self, line: L) -> None:
        """Back from a caller whom it served well."""
        self._free.append(line)
        self._lates = 0
        if self._breaker.open:
            self._breaker.close()
        if self._queue:
            self._deal()

    def drop(self, line: L) -> None:
        line.hang_up()
        with self._lock:
            self._count -= 1

    def fail(self, why: str) -> StoreError:
        """Remembers that the server is away and why; the error to raise. Idle lines lead to the same nowhere."""
        self._why, self._met = why, True
        self.close()
        with self._lock:
            self._breaker.fail(monotonic())
            while self._queue:
                self._queue.popleft().told.set()
        return self._away()

    def late(self, why: str) -> StoreError:
        """As `fail`, once several in a row did not come in time; until then the error is that caller's alone."""
        self._lates += 1
        return self.fail(why) if self._lates >= SEVERAL else StoreError(f"{self._where}: {why}")

    def warm(self, count: int, seconds: float) -> None:
        """Has `count` lines there, if that takes no longer than `seconds`; for who serves no request yet."""
        deadline, lines = monotonic() + seconds, list[L]()
        with suppress(StoreError):
            while len(lines) < count:
                lines.append(self.take(deadline))
        for line in lines:
            self.give(line)

    def reached(self) -> None:
        """Somebody else has just talked with the server."""
        self._breaker.close()

    def close(self) -> None:
        """Hangs up what is idle."""
        while True:
            try:
                line = self._free.pop()
            except IndexError:
                return
            self.drop(line)

    def _away(self) -> StoreError:
        return StoreError(f"{self._where}: {self._why}")

    def _deal(self) -> None:
        """Hands what is idle to those who wait longest."""
        with self._lock:
            while self._queue and self._free:
                try:
                    line = self._free.pop()
                except IndexError:
                    return
                waiter = self._queue.popleft()
                waiter.line = line
                waiter.told.set()

    def _await(self, deadline: float) -> L:
        """A line that comes back or is dialled for the caller."""
        waiter: Waiter[L] = Waiter()
        if not self._met:
            deadline = max(deadline, monotonic() + self._patience)
        with self._lock:
            self._queue.append(waiter)
        try:
            self._deal()
            if not waiter.told.is_set():
                self._start_dialling()
            waiter.told.wait(deadline - monotonic())
        except BaseException:
            self._leave(waiter, 0.0)
            raise
        line = self._leave(waiter, deadline)
        if line is not None:
            return line
        raise self._away() if self._breaker.open else self._late()

    def _leave(self, waiter: Waiter[L], deadline: float) -> L | None:
        """The waiter's line, if there is still time to use it; out of the queue in any case."""
        with self._lock:
            if waiter in self._queue:
                self._queue.remove(waiter)
        if waiter.line is not None and monotonic() >= deadline:
            self.give(waiter.line)
            return None
        return waiter.line

    def _late(self) -> StoreError:
        if not self._met and self._patience:
            # Long enough: nobody else is to wait so long.
            return self.fail("no connection in time")
        if self._count == self._dialling:
            return self.late("no connection in time")
        return StoreError(f"{self._where}: all connections of this process are busy")

    def _start_dialling(self) -> None:
        with self._lock:
            if self._count >= MOST:
                return
            self._count += 1
            self._dialling += 1
        try:
            threading.Thread(target=self._call, name="wsgi_guard-dial", daemon=True).start()
        except RuntimeError:
            # The process may start no more threads.
            self._dialled(gone=1)

    def _call(self) -> None:
        try:
            line = self._dial()
        except Exception as error:
            self._dialled(gone=1)
            self.fail(describe(error))
        else:
            self._dialled(gone=0)
            self._met = True
            self.give(line)

    def _dialled(self, gone: int) -> None:
        with self._lock:
            self._dialling -= 1
            self._count -= gone


def _hang_up(lines: list[L]) -> None:
    while lines:
        lines.pop().hang_up()


def describe(error: BaseException) -> str:
    """An error as one short line for the log. Drivers name host and port in it, never user or password."""
    text = str(error).partition("\n")[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
