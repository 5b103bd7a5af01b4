"""One process of a host watches for all: it is followed, missed when it is stuck, and replaced when it dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.health.test_monitor import Counted
from tests.health.ticking import PATIENCE, Hands, until
from wsgi_guard.board import Board
from wsgi_guard.health.decide import FAIL, Check, Reading, Result, Seen, Standing, reading
from wsgi_guard.health.monitor import Monitor
from wsgi_guard.health.sharing import LOST, Post

CHECKS = {"a": Check("a", "http")}
FOUND = Seen(Result(Reading(FAIL, "refused", {"n": 3}), 999.0, 1_700_000_999.0, 0.25), None, Standing(failures=4))


class Other:
    """A process that holds the place and tells what it found when it is told to, with the time it is given."""

    def __init__(self, board: Board) -> None:
        words, self._words = os.pipe()
        done, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._words)  # so that the end of the test is the end of the words
            post = Post(board, CHECKS)
            assert post.take()
            while told := os.read(words, 32):
                now, _, since = told.decode().partition(" ")
                post.tell({"a": replace(FOUND, since=float(since) if since else None)}, float(now))
                os.write(answers, b"x")
            os._exit(0)
        os.close(words)
        os.close(answers)
        self._done = done
        self.tell(1000.0)

    def tell(self, now: float, since: float | str = "") -> None:
        """`since` is when the run began that is in flight."""
        os.write(self._words, f"{now} {since}".encode())
        assert os.read(self._done, 1) == b"x"

    def kill(self) -> None:
        if self.pid == 0:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._words)
        os.close(self._done)
        self.pid = 0


@contextmanager
def following(board: Board) -> Iterator[tuple[Monitor, Counted, Hands]]:
    hands, run = Hands(), Counted()
    monitor = Monitor(CHECKS, {"a": run}, hands.clock, lambda: board)
    monitor.start()
    try:
        until(lambda: monitor.seen()["a"].result is not None)
        yield monitor, run, hands
    finally:
        monitor.stop(PATIENCE)


@pytest.fixture
def board() -> Board:
    return Board(rows=1, half=4096)


@pytest.fixture
def other(board: Board) -> Iterator[Other]:
    made = Other(board)
    yield made
    made.kill()


def test_what_another_process_found_is_known_here(board: Board, other: Other) -> None:
    with following(board) as (monitor, run, _):
        seen = monitor.seen()["a"]
        assert seen.result is not None
        assert (seen.result, seen.standing) == (FOUND.result, FOUND.standing)
        assert (run.count, monitor.watches) == (0, False)
        other.kill()


def test_run_that_was_in_time_when_it_was_told_of_is_not_overdue_here(board: Board, other: Other) -> None:
    with following(board) as (monitor, _, hands):
        for since, cause in ((1000.0, "refused"), (995.0, "timed out"), (1000.0, "refused")):
            # Told a second ago; the check may take five.
            other.tell(hands.time, since + hands.time - 1000.0)
            hands.forward(1.0, monitor)
            until(lambda: reading(CHECKS["a"], monitor.seen()["a"], hands.time).cause == cause)  # noqa: B023
        other.tell(hands.time, hands.time - 4.5)
        hands.forward(1.0, monitor)
        # It comes to the second word once it has done what follows from the first.
        monitor.wake()
        until(monitor._watch.news.empty)  # type: ignore[union-attr]
        assert reading(CHECKS["a"], monitor.seen()["a"], hands.time).cause == "refused"
        other.kill()


def test_process_that_is_stuck_is_stood_in_for_until_it_speaks(board: Board, other: Other) -> None:
    with following(board) as (monitor, run, hands):
        hands.forward(LOST - 1, monitor)
        until(monitor._watch.news.empty)  # type: ignore[union-attr]
        assert (run.count, monitor.watches) == (0, False)
        hands.forward(1, monitor)
        until(lambda: run.count == 1 and monitor.watches)
        until(lambda: monitor.seen()["a"].since is None)
        other.tell(hands.time)
        hands.forward(2, monitor)
        until(lambda: not monitor.watches)
        result = monitor.seen()["a"].result
        assert result is not None
        assert result.reading.cause == "refused"
        other.kill()


def test_process_that_died_is_replaced_by_one_that_goes_on(board: Board, other: Other) -> None:
    with following(board) as (monitor, run, hands):
        other.kill()
        hands.forward(1, monitor)
        until(lambda: monitor.watches and run.count == 1)
        until(lambda: monitor.seen()["a"].since is None)
        # A pass after four failures that this process has not seen itself.
        assert monitor.seen()["a"].standing.passes == 1
        assert monitor.seen()["a"].standing.runs == "p"


def test_other_checks_of_the_same_name_are_not_taken_over(board: Board, other: Other) -> None:
    hands, run = Hands(), Counted()
    monitor = Monitor({"a": Check("a", "http", timeout=9.0)}, {"a": run}, hands.clock, lambda: board)
    monitor.start()
    try:
        until(monitor._watch.news.empty)  # type: ignore[union-attr]
        assert monitor.seen()["a"].result is None
        hands.forward(LOST, monitor)
        until(lambda: run.count == 1)
    finally:
        monitor.stop(PATIENCE)
        other.kill()
