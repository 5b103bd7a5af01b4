"""Runs the checks in the background, so that no probe ever does, and keeps what each found last.

One watching thread per process, of which one in a host runs the checks (see `sharing.py`), and for every run a thread
of its own that ends with the run: a check that hangs holds up itself alone, and is not started again before it has
returned. All book-keeping is done by the watching thread; whoever answers reads finished values and never waits.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from wsgi_guard.changes import Listener

from .alarms import Alarms
from .decide import FAIL, Check, Reading, Result, Seen, ancestors
from .measured import measured
from .said import Said
from .schedule import Schedule
from .sharing import BEAT, LOST, POLL, Post

if TYPE_CHECKING:
    from wsgi_guard.board import Board

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
    """The handle: `start` it once in each process. The threads end when it is stopped, collected or at exit.

    With `board` one of the processes that share it watches, and the others know what it finds.
    """

    def __init__(
        self, checks: Mapping[str, Check], runs: Mapping[str, Run], clock: Clock | None = None,
        board: Callable[[], Board | None] = lambda: None,
    ) -> None:  # fmt: skip
        self._checks = checks
        self._runs = runs
        self._clock = clock or Clock()
        self._board = board
        self._watch: Watch | None = None
        self._end: Callable[[], object] = lambda: None
        self.listeners: list[Listener] = []
        self.beats: list[Callable[[], object]] = []

    def start(self) -> None:
        """Starts watching from nothing, unless this process does so already. A fork leaves its parent's threads.

        A process that may start no thread serves on; all its checks stay unknown, and it says so.
        """
        if self._watch is not None and self._watch.pid == os.getpid():
            return
        board = self._board()
        post = None if board is None else Post(board, self._checks)
        self._watch = watch = Watch(self._checks, self._runs, self._clock, post, self.listeners, self.beats)
        # Not tied to this object but to its watch: a guard that is dropped takes its threads with it.
        self._end = weakref.finalize(self, watch.end)
        try:
            watch.start()
        except RuntimeError:
            logger.error("no thread to be had for the health checks, none will run in this process")

    def seen(self) -> Mapping[str, Seen]:
        """What is known of each check here and now; empty before the start."""
        return {} if self._watch is None else self._watch.seen

    @property
    def watches(self) -> bool:
        """Whether it is this process that runs the checks."""
        return self._watch is not None and self._watch.runs_here

    def counts(self) -> Mapping[tuple[str, str], int]:
        """(check, status) -> runs of this process that ended so."""
        return {} if self._watch is None else self._watch.counts

    def now(self) -> float:
        return self._clock.now()

    def wall(self) -> float:
        return self._clock.wall()

    def timeout(self, name: str) -> float:
        """Seconds that a check may take."""
        return self._checks[name].timeout

    def once(self, name: str) -> Result:
        """The result of one run in this very thread, beside the rounds; nothing is kept of it."""
        return measured(self._checks[name], self._runs[name], self._clock)

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

    def __init__(
        self, checks: Mapping[str, Check], runs: Mapping[str, Run], clock: Clock, post: Post | None = None,
        listeners: Sequence[Listener] = (), beats: Sequence[Callable[[], object]] = (),
    ) -> None:  # fmt: skip
        self.pid = os.getpid()
        self.news: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self.runs_here = post is None
        self._ended = False
        self._checks = checks
        self._runs = runs
        self._clock = clock
        self._schedule = Schedule(checks, clock.now(), clock.random)
        self._post = post
        self._alarms = Alarms(checks, listeners)
        self._said = Said(checks)
        self.seen = self._alarms.seen
        self.counts: dict[tuple[str, str], int] = {}
        self._began = clock.now()
        self._told = -LOST
        self._fits = True
        self._beats = beats
        self._beaten = -POLL
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
            self._beat(now)
            if not self._stands_in(now):
                self._await(POLL)
                continue
            for name in self._schedule.overdue(now):
                self._record(name, Result(Reading(FAIL, "timed out"), now, self._clock.wall(), now - self._since(name)))
            for name in self._schedule.due(now):
                if not self._launch(name, now):
                    return
            self._tell(now)
            wanted = self._schedule.next(self._clock.now())
            look = LONGEST_SLEEP if self._post is None else BEAT if self._post.held else POLL
            self._await(look if wanted is None else min(look, wanted))

    def _beat(self, now: float) -> None:
        if now - self._beaten < POLL / 2:
            return
        self._beaten = now
        for act in self._beats:
            try:
                act()
            except Exception as error:
                logger.error("a process cannot tell the others of itself: %s", type(error).__name__)

    def _stands_in(self, now: float) -> bool:
        """Whether this process runs the checks: by itself, elected, or because whom they elected is stuck."""
        post = self._post
        if post is None or post.held:
            return True
        elected = post.take()
        told = post.read()
        if told is not None and (elected or now - told.at < LOST):
            self._alarms.adopt(told.seen, self._threads, told.at, died=elected)
        # A new process waits for the first word of the one that watches; it may be about to tell.
        lost = now - (self._began if told is None else told.at) >= LOST
        self.runs_here = elected or lost
        return self.runs_here

    def _tell(self, now: float) -> None:
        if self._post is None or not self._post.held or not (self._alarms.fresh or now - self._told >= BEAT):
            return
        self._alarms.fresh, self._told = False, now
        fits = self._post.tell(self.seen, now)
        if self._fits and not fits:
            logger.error("what the health checks found is too long to be shared, each process runs them for itself")
        self._fits = fits

    def _since(self, name: str) -> float:
        since = self.seen[name].since
        return self._clock.now() if since is None else since

    def _await(self, seconds: float) -> None:
        """Sleeps until something is due, or takes in what has come."""
        with suppress(queue.Empty):
            # a thousandth at least: rounding must not turn the wait for a moment into a spin
            news = self.news.get(timeout=min(max(seconds, 0.001), LONGEST_SLEEP))
            if news is not None and not self._ended:
                self._take(news)

    def _take(self, news: News) -> None:
        self._threads.pop(news.name, None)
        in_time = self._schedule.ended(news.name, self._clock.now())
        if self.runs_here:
            self.seen[news.name] = replace(self.seen[news.name], since=None)
            self._record(news.name, news.result, counts=in_time)

    def _record(self, name: str, result: Result, *, counts: bool = True) -> None:
        """`counts` is False for the end of a run that was told as overdue, and so was counted already."""
        hanging = self.seen[name].since is not None
        key = (name, result.reading.status)
        self.counts[key] = self.counts.get(key, 0) + counts
        self._alarms.add(name, result, counts=counts, keep=hanging)
        self._said.ended(name, result.reading)
        if self.seen[name].standing.failures == 1:
            self._schedule.hasten(ancestors(name, self._checks), self._clock.now())
        if self._post is None or self._post.held:
            self._alarms.tell(result.at, result.time)

    def _launch(self, name: str, now: float) -> bool:
        """False when the interpreter is on its way out and starts no more threads."""
        self._schedule.began(name, now)
        self.seen[name] = replace(self.seen[name], since=now)
        thread = threading.Thread(target=self._run, args=(name,), name=f"wsgi_guard.health {name}", daemon=True)
        self._threads[name] = thread
        try:
            thread.start()
        except RuntimeError as error:
            del self._threads[name]
            if not threading.main_thread().is_alive():
                return False
            wall = self._clock.wall()
            self.news.put(News(name, Result(Reading(FAIL, type(error).__name__), self._clock.now(), wall, 0.0)))
        return True

    def _run(self, name: str) -> None:
        """One run, in its own thread."""
        self.news.put(News(name, measured(self._checks[name], self._runs[name], self._clock, self._said.raised)))


def _join(thread: threading.Thread, timeout: float) -> None:
    if thread is not threading.current_thread() and thread.ident is not None:
        thread.join(timeout)
