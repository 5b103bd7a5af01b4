"""The free list: lent, waited for, bounded, never beyond a deadline."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Timer
from time import monotonic

import pytest

from wsgi_guard.errors import StoreError
from wsgi_guard.stores import lines as module
from wsgi_guard.stores.lines import Lines


class Wire:
    """A line to nowhere."""

    def __init__(self) -> None:
        self.cut = False
        self.hung_up = False

    def stale(self) -> bool:
        return self.cut

    def hang_up(self) -> None:
        self.hung_up = True


def _soon(seconds: float = 5.0) -> float:
    return monotonic() + seconds


def _until(condition: Callable[[], bool]) -> None:
    end = _soon()
    pause = Event()
    while not condition():
        assert monotonic() < end
        pause.wait(0.005)


def test_last_given_back_is_lent_first() -> None:
    lines = Lines("nowhere", Wire)
    first, second = lines.take(_soon()), lines.take(_soon())
    lines.give(first)
    lines.give(second)
    assert lines.take(_soon()) is second
    assert lines.take(_soon()) is first


def test_stale_line_is_replaced_unseen() -> None:
    lines = Lines("nowhere", Wire)
    old = lines.take(_soon())
    lines.give(old)
    old.cut = True
    assert lines.take(_soon()) is not old
    assert old.hung_up


def test_slow_dial_costs_no_more_than_the_deadline() -> None:
    gate = Event()

    def dial() -> Wire:
        gate.wait(10)
        return Wire()

    lines = Lines("nowhere", dial, (60.0, 60.0))
    for _ in range(module.SEVERAL):
        begun = monotonic()
        with pytest.raises(StoreError, match="nowhere: no connection in time"):
            lines.take(_soon(0.05))
        assert monotonic() - begun < 1.0
    begun = monotonic()
    with pytest.raises(StoreError, match="no connection in time"):
        lines.take(_soon(5.0))
    assert monotonic() - begun < 1.0
    gate.set()
    _until(lambda: not lines._breaker.open)
    assert not lines.take(_soon()).hung_up


def _opened(gate: Event) -> Callable[[], Wire]:
    def dial() -> Wire:
        gate.wait(10)
        return Wire()

    return dial


def test_first_line_of_a_process_is_waited_for_with_patience() -> None:
    gate = Event()
    lines = Lines("nowhere", _opened(gate), (60.0, 60.0), 10.0)
    opens = Timer(0.1, gate.set)
    opens.start()
    first = lines.take(_soon(0.0))
    opens.join()
    gate.clear()
    begun = monotonic()
    with pytest.raises(StoreError):
        lines.take(_soon(0.01))
    assert monotonic() - begun < 5.0
    assert not lines._breaker.open
    gate.set()
    lines.give(first)
    child = os.fork()
    if child == 0:
        os._exit(int(lines._pid == os.getpid() or not isinstance(lines.take(_soon(0.0)), Wire)))
    assert os.waitpid(child, 0)[1] == 0


def test_patience_is_spent_once() -> None:
    gate = Event()
    lines = Lines("nowhere", _opened(gate), (60.0, 60.0), 0.05)
    with pytest.raises(StoreError, match="nowhere: no connection in time"):
        lines.take(_soon(0.0))
    assert lines._breaker.open
    gate.set()
    _until(lambda: not lines._breaker.open)
    assert not lines.take(_soon()).hung_up


def test_late_replies_are_their_callers_alone_until_several_come_in_a_row() -> None:
    lines = Lines("nowhere", Wire, (60.0, 60.0))
    for _ in range(module.SEVERAL - 1):
        assert str(lines.late("no reply")) == "nowhere: no reply"
    lines.give(lines.take(_soon()))
    for _ in range(module.SEVERAL):
        assert not lines._breaker.open
        lines.late("no reply")
    assert lines._breaker.open


def test_lines_are_dialled_ahead_and_no_longer_than_that_may_take() -> None:
    dialled: list[Wire] = []

    def dial() -> Wire:
        dialled.append(Wire())
        return dialled[-1]

    lines = Lines("nowhere", dial)
    lines.warm(3, 5.0)
    assert len(lines._free) == 3
    assert lines.take(_soon(0.0)) in dialled
    gate = Event()

    def dial_late() -> Wire:
        gate.wait(10)
        return Wire()

    slow = Lines("nowhere", dial_late)
    begun = monotonic()
    slow.warm(3, 0.05)
    assert monotonic() - begun < 1.0
    assert not slow._breaker.open
    gate.set()


def test_failed_dial_is_told_before_the_deadline() -> None:
    def dial() -> Wire:
        raise OSError("no route to host")

    lines = Lines("nowhere", dial, (60.0, 60.0))
    begun = monotonic()
    with pytest.raises(StoreError, match="nowhere: OSError: no route to host"):
        lines.take(_soon(30.0))
    assert monotonic() - begun < 5.0


def test_looks_again_by_itself_and_recovers() -> None:
    up: list[int] = []

    def dial() -> Wire:
        if not up:
            raise OSError("down")
        return Wire()

    lines = Lines("nowhere", dial, (0.01, 0.02))
    with pytest.raises(StoreError):
        lines.take(_soon())
    up.append(1)

    def back() -> bool:
        try:
            lines.give(lines.take(_soon(0.0)))
        except StoreError:
            return False
        return True

    _until(back)


def test_one_more_than_the_most_waits_for_a_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    lines = Lines("nowhere", Wire)
    first, _ = lines.take(_soon()), lines.take(_soon())
    with pytest.raises(StoreError, match="all connections of this process are busy"):
        lines.take(_soon(0.05))
    assert not lines._breaker.open
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lines.take, _soon())
        _until(lambda: len(lines._queue) == 1)
        lines.give(first)
        assert waiting.result(5) is first


def test_who_waits_longest_is_served_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    lines = Lines("nowhere", Wire)
    line, served = lines.take(_soon()), list[int]()

    def use(number: int) -> None:
        taken = lines.take(_soon())
        served.append(number)
        lines.give(taken)

    with ThreadPoolExecutor(3) as threads:
        for number in range(3):
            threads.submit(use, number)
            _until(lambda number=number: len(lines._queue) == number + 1)  # type: ignore[misc]
        lines.give(line)
    assert served == [0, 1, 2]


def test_failure_hangs_up_what_is_idle() -> None:
    lines = Lines("nowhere", Wire)
    idle = lines.take(_soon())
    lines.give(idle)
    error = lines.fail("frozen")
    assert isinstance(error, StoreError)
    assert idle.hung_up
    with pytest.raises(StoreError, match="frozen"):
        lines.take(_soon())


def test_child_shares_nothing_with_its_parent() -> None:
    lines = Lines("nowhere", Wire)
    line = lines.take(_soon())
    lines.give(line)
    lines._lock.acquire()  # as if another thread of the parent were inside at the fork
    child = os.fork()
    if child == 0:
        taken = lines.take(_soon())
        os._exit(0 if taken is not line and not line.hung_up else 1)
    lines._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_dropped_lines_are_hung_up() -> None:
    lines = Lines("nowhere", Wire)
    wire = lines.take(_soon())
    lines.give(wire)
    del lines
    gc.collect()
    assert wire.hung_up
