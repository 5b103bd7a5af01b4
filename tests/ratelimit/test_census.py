"""Counts of several processes, added up; what is too much for a row is left out, the sums stay."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic, sleep

from tests.support.redis_groups import until
from wsgi_guard.board import Board
from wsgi_guard.ratelimit.census import MOST, Census

from .support import Site, gone, rule, threads

(QUOTA,) = Site(rule(limit="1 per hour")).layer.rules.find("all").quotas


def _child(board: Board, act: Callable[[Census], object]) -> None:
    """A process that counts, tells and ends."""
    child = os.fork()
    if child == 0:
        census = Census("shop", lambda: board)
        act(census)
        until(lambda: census._row is not None and not census._bell.is_set())
        # The bell falls silent just before the row is written.
        until(lambda: bool(board.read(census._row._number)))  # type: ignore[union-attr]
        sleep(0.2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_counts_of_processes_add_up() -> None:
    board = Board()
    census = Census("shop", lambda: board)
    census.denied(QUOTA, "a")

    def count(own: Census) -> None:
        for key in ("a", "b", "b"):
            own.denied(QUOTA, key)
        own.shadowed(QUOTA)
        own.blocked("all", "c", monotonic() + 100)

    for _ in range(3):
        _child(board, count)
    totals = census.all()
    assert (totals.denials["all"], totals.shadows["all"]) == (10, 3)
    assert totals.keys == {("all", "a"): 4, ("all", "b"): 6}
    assert list(totals.blocks) == [("all", "c")]


def test_without_a_board_a_process_knows_of_itself() -> None:
    census = Census()
    census.denied(QUOTA, "a")
    assert census.all().denials == {"all": 1}
    assert census.all().processes == [os.getpid()]


def test_long_keys_leave_the_sums() -> None:
    board = Board()

    def count(own: Census) -> None:
        for at in range(100):
            own.denied(QUOTA, f"{at}" * 500)

    _child(board, count)
    assert Census("shop", lambda: board).all().denials == {"all": 100}


def test_flood_of_keys_keeps_the_most_denied() -> None:
    census = Census()
    for at in range(4 * MOST):
        census.denied(QUOTA, str(at))
        census.denied(QUOTA, "often")
    assert len(census.keys) <= MOST
    assert census.all().keys.most_common(1) == [(("all", "often"), 4 * MOST)]


def test_guards_of_one_process_share_its_row() -> None:
    board = Board()
    for name in ("shop", "blog"):
        census = Census(name, lambda: board)
        census.denied(QUOTA, name)
        until(lambda name=name: name in board.read(0))  # type: ignore[misc]
    assert sorted(board.read(0)) == ["blog", "shop"]
    assert not board.read(1)


def test_census_that_nobody_has_leaves_no_thread() -> None:
    board, known = Board(), threads("census")
    census = Census("shop", lambda: board)
    census.denied(QUOTA, "a")
    (thread,) = threads("census") - known
    until(lambda: bool(board.read(0)))
    del census
    gone(thread)
