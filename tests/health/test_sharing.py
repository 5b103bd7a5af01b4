"""One process of a host watches for all: it is followed, missed when it is stuck, and replaced when it dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.health.test_monitor import Counted
from tests.health.ticking import PATIENCE, Hands, until
from wsgi_guard.board import Board
from wsgi_guard.health.decide import FAIL, Check, Reading, Result, Seen, Standing
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
            post = Post(board, CHECKS)
            assert post.take()
            while told := os.read(words, 32):
                post.tell({"a": FOUND}, float(told))
                os.write(answers, b"x")
            os._exit(0)
        os.close(words)
        os.close(answers)
        self._done = done
        self.tell(1000.0)

    def tell(self, now: float) -> None:
        os.write(self._words, str(now).encode())
        assert os.read(self._done, 1) == b"x"

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._words)
        os.close(self._done)


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


def test_what_another_process_found_is_known_here(board: Board) -> None:
    other = Other(board)
    with following(board) as (monitor, run, _):
        seen = monitor.seen()["a"]
        assert seen.result is not None
        assert (seen.result, seen.standing) == (FOUND.result, FOUND.standing)
        assert (run.count, monitor.watches) == (0, False)
        other.kill()


def test_process_that_is_stuck_is_stood_in_for_until_it_speaks(board: Board) -> None:
    other = Other(board)
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


def test_process_that_died_is_replaced_by_one_that_goes_on(board: Board) -> None:
    other = Other(board)
    with following(board) as (monitor, run, hands):
        other.kill()
        hands.forward(1, monitor)
        until(lambda: monitor.watches and run.count == 1)
        until(lambda: monitor.seen()["a"].since is None)
        # A pass after four failures that this process has not seen itself.
        assert monitor.seen()["a"].standing.passes == 1
        assert monitor.seen()["a"].standing.runs == "p"


def test_other_checks_of_the_same_name_are_not_taken_over(board: Board) -> None:
    other = Other(board)
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
