"""A board that processes share: rows of one's own, nothing lost with a process, nothing torn."""

from __future__ import annotations

import os
import signal
from threading import Event, Thread
from typing import Any

from wsgi_guard.board import HALF, Board


def _forked(act: Any) -> int:
    """The process id of a child that does `act` and stays until it is killed."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        act()
        os.write(told, b"x")
        signal.pause()
    assert os.read(ready, 1) == b"x"
    os.close(ready)
    os.close(told)
    return child


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _write(board: Board, row: dict[str, Any]) -> None:
    mine = board.join()
    assert mine is not None
    mine.write({**row, "inherited": mine.inherited})


def test_each_process_has_a_row_that_all_read() -> None:
    board = Board()
    own = board.join()
    assert own is not None
    children = [_forked(lambda at=at: _write(board, {"child": at})) for at in range(3)]
    assert [row["child"] for row in own.others()] == [0, 1, 2]
    for child in children:
        _kill(child)
    assert [row["child"] for row in own.others()] == [0, 1, 2]


def test_next_process_goes_on_where_a_killed_one_ended() -> None:
    board = Board()
    own = board.join()
    assert own is not None
    _kill(_forked(lambda: _write(board, {"child": 0})))
    second = _forked(lambda: _write(board, {"child": 1}))
    assert [(row["child"], row["inherited"].get("child")) for row in own.others()] == [(1, 0)]
    _kill(second)


def test_row_too_long_for_its_place_leaves_what_stood_there() -> None:
    board = Board()
    own = board.join()
    assert own is not None
    assert own.write({"a": 1})
    assert not own.write({"a": "x" * HALF})
    assert board.read(0) == {"a": 1}


def test_reader_never_sees_half_a_row() -> None:
    board, done = Board(), Event()
    own = board.join()
    assert own is not None
    assert own.write({"n": ""})
    rows = [{"n": "0" * 40}, {"n": "1" * 9000}]

    def write() -> None:
        while not done.is_set():
            for row in rows:
                own.write(row)

    writer = Thread(target=write)
    writer.start()
    found = [board.read(0) for _ in range(2000)]
    done.set()
    writer.join()
    assert all(row in [{"n": ""}, *rows] for row in found)
