"""Runs the checks in the background, so that no probe ever does, and keeps what each found last.

One watching thread per process, and for every run a thread of its own that ends with the run: a check that hangs holds
up itself alone, and is not started again before it has returned. All book-keeping is done by the watching thread;
whoever answers reads finished values and never waits. It judges nothing (see `decide.py`).
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from .decide import FAIL, NOTHING, Check, Reading, Result, Seen
from .schedule import Schedule

logger = logging.getLogger("wsgi_guard.health")

Run = Callable[[float], Reading]

LONGEST_SLEEP = 3600.0
"""Seconds; far below what a lock can wait for (`threading.TIMEOUT_MAX`), far above any interval in use."""


class Clock(NamedTuple):
    """`now` is monotonic, `wall` since the epoch, `random` in [0, 1)."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    # The system's: no worker shares the state of its parent, and a seed set by the app or its tests stays its own.
    random: Callable[[], float] = random.SystemRandom().random


class Monitor:
    """The handle: `start` it once in each process. The threads end when it is stopped, collected or at exit."""

    def __init__(self, checks: Mapping[str, Check], runs: Mapping[str, Run], clock: Clock | None = None) -> None:
        self._checks = checks
        self._runs = runs
        self._clock = clock or Clock()
        self._watch: Watch | None = None
        self._end: Callable[[], object] = lambda: None

    def start(self) -> None:
        """Starts watching from nothing, unless this process does so already. A fork leaves its parent's threads.

        A process that may start no thread serves on; all its checks stay unknown, and it says so.
        """
        if self._watch is not None and self._watch.pid == os.getpid():
            return
        self._watch = watch = Watch(self._checks, self._runs, self._clock)
        # Not tied to this object but to its watch: a guard that is dropped takes its threads with it.
        self._end = weakref.finalize(self, watch.end)
        try:
            watch.start()
        except RuntimeError:
            logger.error("no thread to be had for the health checks, none will run in this process")

    def seen(self) -> Mapping[str, Seen]:
        """What is known of each check here and now; empty before the start."""
        return {} if self._watch is None else self._watch.seen

    def now(self) -> float:
        return self._clock.now()

    def stop(self, timeout: float = 1.0) -> None:
        """Ends the watching; waits up to `timeout` seconds for it and for each run that is in flight."""
        self._end()
        if self._watch is not None:
            self._watch.join(timeout)

    def wake(self) -> None:
        """Has the watching thread look at the clock again, which a test has moved."""
        if self._watch is not None:
            self._watch.news.put(None)


class News(NamedTuple):
    """What a run tells when it has ended."""

    name: str
    result: Result


class Watch:
    """What one process knows and does. Only its own thread writes; `news` brings everything to that thread.

    `seen` maps names to immutable values, so a reader needs no lock. Threads and queue are looked up by their module
    at the start, which is after gevent has patched them.
    """

    def __init__(self, checks: Mapping[str, Check], runs: Mapping[str, Run], clock: Clock) -> None:
        self.pid = os.getpid()
        self.seen: dict[str, Seen] = dict.fromkeys(checks, NOTHING)
        self.news: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._ended = False
        self._checks = checks
        self._runs = runs
        self._clock = clock
        self._schedule = Schedule(checks, clock.now(), clock.random)
        self._failing: set[str] = set()
        self._threads: dict[str, threading.Thread] = {}
        self._thread = threading.Thread(target=self._watch, name="wsgi_guard.health", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """May be called by the garbage collector anywhere: it takes no lock (`SimpleQueue.put` is made for that)."""
        # A child of the process has no thread to end, and its copy of the queue may have been locked at the fork.
        if self.pid == os.getpid():
            self._ended = True
            self.news.put(None)

    def join(self, timeout: float) -> None:
        """The watching thread first: it alone changes what is in flight, and its end keeps that still."""
        _join(self._thread, timeout)
        for thread in tuple(self._threads.values()):
            _join(thread, timeout)

    def _watch(self) -> None:
        while not self._ended:
            now = self._clock.now()
            for name in self._schedule.overdue(now):
                self._note(name, Reading(FAIL, "timed out"))
            for name in self._schedule.due(now):
                if not self._launch(name, now):
                    return
            self._await(self._schedule.next(self._clock.now()))

    def _await(self, seconds: float | None) -> None:
        """Sleeps until something is due, or takes in what has come."""
        with suppress(queue.Empty):
            # a thousandth at least: rounding must not turn the wait for a moment into a spin
            wanted = LONGEST_SLEEP if seconds is None else min(max(seconds, 0.001), LONGEST_SLEEP)
            news = self.news.get(timeout=wanted)
            if news is not None and not self._ended:
                self._take(news)

    def _take(self, news: News) -> None:
        self._threads.pop(news.name, None)
        self._schedule.ended(news.name, self._clock.now())
        self.seen[news.name] = Seen(news.result)
        self._note(news.name, news.result.reading)

    def _launch(self, name: str, now: float) -> bool:
        """False when the interpreter is on its way out and starts no more threads."""
        self._schedule.began(name, now)
        self.seen[name] = Seen(self.seen[name].result, since=now)
        thread = threading.Thread(target=self._run, args=(name, now), name=f"wsgi_guard.health {name}", daemon=True)
        self._threads[name] = thread
        try:
            thread.start()
        except RuntimeError as error:
            del self._threads[name]
            if not threading.main_thread().is_alive():
                return False
            self._tell(name, now, Reading(FAIL, type(error).__name__))
        return True

    def _run(self, name: str, began: float) -> None:
        """One run, in its own thread. Whatever it raises, SystemExit too, is a reading: the watch waits for one."""
        timeout = self._checks[name].timeout
        try:
            reading = self._runs[name](timeout)
        except BaseException as error:
            reading = Reading(FAIL, causes(error))
        if self._clock.now() - began >= timeout:
            reading = Reading(FAIL, "timed out", reading.observed)
        self._tell(name, began, reading)

    def _tell(self, name: str, began: float, reading: Reading) -> None:
        now = self._clock.now()
        self.news.put(News(name, Result(reading, now, self._clock.wall(), now - began)))

    def _note(self, name: str, reading: Reading) -> None:
        """One line when a check starts to fail or ceases to. A logging handler that raises must not end the watch."""
        failing = reading.status == FAIL
        if failing == (name in self._failing):
            return
        (self._failing.add if failing else self._failing.discard)(name)
        with suppress(Exception):
            if failing:
                logger.warning("check %r fails: %s", name, reading.cause or "no cause given")
            else:
                logger.info("check %r no longer fails", name)


def _join(thread: threading.Thread, timeout: float) -> None:
    if thread is not threading.current_thread() and thread.ident is not None:
        thread.join(timeout)


def causes(error: BaseException) -> str:
    """Names of the classes of an exception and what it was raised from, at most three; their texts may hold secrets."""
    names = [type(error).__name__]
    while (cause := error.__cause__) is not None and len(names) < 3:
        error = cause
        names.append(type(error).__name__)
    return " from ".join(names)
