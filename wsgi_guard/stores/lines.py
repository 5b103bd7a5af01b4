"""Open lines to one server: lent last-in first-out, dialled on a thread, never waited for beyond a deadline.

Knows no protocol: `dial` returns a line that has proved itself, or raises. A request does not dial itself, since name
resolution knows no timeout and TLS none of milliseconds: it waits for the dialling thread until its own deadline, and
a line that comes too late serves the next request. After a failure nobody waits: one thread looks from time to time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Condition, Thread
from time import monotonic
from typing import Generic, Protocol, TypeVar

from wsgi_guard.errors import StoreError

from .breaker import Breaker

MOST = 64
"""Lines of one process, in use, idle or being dialled; whoever finds none left waits for one to come back."""


class Line(Protocol):
    def stale(self) -> bool:
        """Whether the server closed it, or sent what nobody asked for."""
        ...

    def hang_up(self) -> None: ...


L = TypeVar("L", bound=Line)


class Lines(Generic[L]):
    """`where` names the server in messages; `pauses` are the first and the longest time between two looks at it."""

    def __init__(self, where: str, dial: Callable[[], L], pauses: tuple[float, float] = (1.0, 5.0)) -> None:
        self._where = where
        self._dial = dial
        self._pauses = pauses
        self._begin()

    def _begin(self) -> None:
        """The state of one process: a fork shares no line, no lock and no verdict with its parent."""
        self._pid = os.getpid()
        self._free: list[L] = []
        self._count = 0
        self._waiting = 0
        self._why = ""
        self._breaker = Breaker(*self._pauses)
        # Guards the two numbers; told when a line comes free or the breaker opens.
        self._news = Condition()

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
                return self._await(deadline)
            if not line.stale():
                return line
            self.drop(line)

    def give(self, line: L) -> None:
        """Back from a caller whom it served well."""
        self._free.append(line)
        if self._breaker.open:
            self._breaker.close()
        if self._waiting:
            with self._news:
                self._news.notify()

    def drop(self, line: L) -> None:
        line.hang_up()
        with self._news:
            self._count -= 1

    def fail(self, why: str) -> StoreError:
        """Remembers that the server is away and why; the error to raise. Idle lines lead to the same nowhere."""
        self._why = why
        self.close()
        with self._news:
            self._breaker.fail(monotonic())
            self._news.notify_all()
        return self._away()

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
        return StoreError(f"redis at {self._where}: {self._why}")

    def _await(self, deadline: float) -> L:
        dialling = self._start_dialling()
        with self._news:
            self._waiting += 1
            try:
                line = self._next(deadline)
            finally:
                self._waiting -= 1
        if line is not None:
            return line
        if self._breaker.open:
            raise self._away()
        if dialling:
            raise self.fail("no connection in time")
        raise StoreError(f"redis at {self._where}: all {MOST} connections of this process are busy")

    def _next(self, deadline: float) -> L | None:
        """The next line that comes free, None at the deadline or when the breaker opens; `_news` is held."""
        while not self._breaker.open:
            if self._free:
                try:
                    return self._free.pop()
                except IndexError:
                    continue
            if not self._news.wait(deadline - monotonic()) and not self._free:
                return None
        return None

    def _start_dialling(self) -> bool:
        """Whether a line is on its way for the caller; not if there are too many."""
        with self._news:
            if self._count >= MOST:
                return False
            self._count += 1
        try:
            Thread(target=self._call, name="wsgi_guard-dial", daemon=True).start()
        except RuntimeError:
            # The process may start no more threads.
            with self._news:
                self._count -= 1
            return False
        return True

    def _call(self) -> None:
        try:
            line = self._dial()
        except Exception as error:
            with self._news:
                self._count -= 1
            self.fail(describe(error))
        else:
            self.give(line)


def describe(error: BaseException) -> str:
    """An error as one short line for the log. Drivers name host and port in it, never user or password."""
    text = str(error).partition("\n")[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
