"""Checks that hang, raise, talk nonsense or are slow, each by itself; and threads that end."""

from __future__ import annotations

import gc
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.health.ticking import PATIENCE, Hands, until
from wsgi_guard.health.decide import FAIL, NOTHING, PASS, Check, Reading, Seen, reading
from wsgi_guard.health.measured import causes
from wsgi_guard.health.monitor import Clock, Monitor, Run

Runs = dict[str, Run]


class Counted:
    """A run that counts itself and then does as told."""

    def __init__(self, then: Callable[[], Reading] = lambda: Reading(PASS)) -> None:
        self.count = 0
        self.then = then

    def __call__(self, timeout: float) -> Reading:
        self.count += 1
        return self.then()


class Hanging:
    """A run that begins and does not end before `release`."""

    def __init__(self) -> None:
        self.count = 0
        self.entered = threading.Event()
        self.released = threading.Event()

    def __call__(self, timeout: float) -> Reading:
        self.count += 1
        self.entered.set()
        assert self.released.wait(PATIENCE)
        return Reading(PASS)


@contextmanager
def monitoring(runs: Runs, hands: Hands | None = None) -> Iterator[Monitor]:
    checks = {name: Check(name, "http") for name in runs}
    monitor = Monitor(checks, runs, hands.clock if hands else Clock())
    monitor.start()
    try:
        yield monitor
    finally:
        for run in runs.values():
            if isinstance(run, Hanging):
                run.released.set()
        monitor.stop(PATIENCE)


def result_of(monitor: Monitor, name: str) -> Seen:
    until(lambda: monitor.seen()[name].result is not None)
    return monitor.seen()[name]


class Fresh:
    """The threads of health that were started since."""

    def __init__(self) -> None:
        self._before = set(threading.enumerate())

    def __len__(self) -> int:
        started = set(threading.enumerate()) - self._before
        return sum(thread.name.startswith("wsgi_guard.health") for thread in started)


def raising(error: BaseException) -> Callable[[], Reading]:
    def run() -> Reading:
        raise error

    return run


def test_nothing_runs_before_the_start() -> None:
    run = Counted()
    monitor = Monitor({"a": Check("a", "http")}, {"a": run})
    assert monitor.seen() == {}
    assert run.count == 0


def test_first_round_runs_at_once() -> None:
    runs: Runs = {"a": Counted(), "b": Counted()}
    with monitoring(runs) as monitor:
        for name in runs:
            found = result_of(monitor, name).result
            assert found is not None
            assert found.reading == Reading(PASS)


def test_checks_come_back_by_their_interval() -> None:
    hands, run = Hands(), Counted()
    with monitoring({"a": run}, hands) as monitor:
        for count in range(1, 6):
            until(lambda: run.count == count and monitor.seen()["a"].since is None)  # noqa: B023  (called at once)
            hands.forward(30.1, monitor)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ValueError("password=hunter2"), "ValueError"),
        (KeyError("x"), "KeyError"),
        (SystemExit(3), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (TimeoutError("slow"), "TimeoutError"),
    ],
)
def test_raising_check_fails_by_class_alone(error: BaseException, cause: str) -> None:
    with monitoring({"a": Counted(raising(error))}) as monitor:
        found = result_of(monitor, "a").result
        assert found is not None
        assert found.reading == Reading(FAIL, cause)


def test_causes_name_what_lies_beneath() -> None:
    error = RuntimeError("secret")
    error.__cause__ = OSError("secret")
    error.__cause__.__cause__ = ValueError()
    error.__cause__.__cause__.__cause__ = KeyError()
    assert causes(error) == "RuntimeError from OSError from ValueError"


def test_hanging_check_blocks_no_other() -> None:
    hands, hanging, other = Hands(), Hanging(), Counted()
    with monitoring({"hanging": hanging, "other": other}, hands) as monitor:
        for count in range(1, 11):
            until(lambda: other.count == count and monitor.seen()["other"].since is None)  # noqa: B023
            hands.forward(30.1, monitor)
        assert hanging.count == 1


def test_hanging_check_is_said_to_time_out_and_recovers() -> None:
    hands, hanging = Hands(), Hanging()
    check = Check("hanging", "http")
    with monitoring({"hanging": hanging}, hands) as monitor:
        assert hanging.entered.wait(PATIENCE)
        hands.forward(400.0, monitor)
        assert reading(check, monitor.seen()["hanging"], monitor.now()) == Reading(FAIL, "timed out")
        hanging.released.set()
        late = result_of(monitor, "hanging")
        assert late.result is not None
        assert late.result.reading == Reading(FAIL, "timed out")
        assert late.result.took == 400.0
        hands.forward(1.0, monitor)
        until(lambda: hanging.count == 2 and monitor.seen()["hanging"].since is None)
        assert reading(check, monitor.seen()["hanging"], monitor.now()) == Reading(PASS)


def test_hanging_checks_take_one_thread_each() -> None:
    fresh = Fresh()
    hands = Hands()
    hanging = {f"h{at}": Hanging() for at in range(5)}
    with monitoring(dict(hanging), hands) as monitor:
        for _ in range(20):
            hands.forward(30.0, monitor)
        until(lambda: all(run.entered.is_set() for run in hanging.values()))
        assert len(fresh) == 6
        assert [run.count for run in hanging.values()] == [1] * 5
    assert len(fresh) == 0


def test_idle_monitor_keeps_one_thread() -> None:
    fresh = Fresh()
    with monitoring({f"a{at}": Counted() for at in range(5)}) as monitor:
        until(lambda: all(seen.result for seen in monitor.seen().values()))
        until(lambda: len(fresh) == 1)
    assert len(fresh) == 0


def test_stopped_monitor_runs_nothing_more() -> None:
    hands, run = Hands(), Counted()
    with monitoring({"a": run}, hands) as monitor:
        result_of(monitor, "a")
        monitor.stop(PATIENCE)
        hands.forward(500.0, monitor)
        assert run.count == 1
        monitor.stop()


def test_starting_twice_starts_once() -> None:
    fresh = Fresh()
    run = Counted()
    with monitoring({"a": run}) as monitor:
        monitor.start()
        result_of(monitor, "a")
        until(lambda: len(fresh) == 1)
        assert run.count == 1


def test_dropped_monitor_takes_its_thread_with_it() -> None:
    fresh = Fresh()
    monitor = Monitor({"a": Check("a", "http")}, {"a": Counted()})
    monitor.start()
    result_of(monitor, "a")
    del monitor
    gc.collect()
    until(lambda: len(fresh) == 0)


def test_state_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wsgi_guard.health")
    states = iter([Reading(PASS), Reading(FAIL, "gone"), Reading(FAIL, "gone"), Reading("warn"), Reading(PASS)])
    hands, run = Hands(), Counted(lambda: next(states))
    with monitoring({"a": run}, hands) as monitor:
        for count in range(1, 6):
            until(lambda: run.count == count and monitor.seen()["a"].since is None)  # noqa: B023
            hands.forward(30.1, monitor) if count < 5 else None
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "check 'a' fails: gone"),
        ("INFO", "check 'a' no longer fails"),
    ]


def test_hang_is_logged_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    hands, hanging = Hands(), Hanging()
    with monitoring({"a": hanging}, hands) as monitor:
        assert hanging.entered.wait(PATIENCE)
        hands.forward(6.0, monitor)
        until(lambda: bool(caplog.records))
        assert caplog.messages == ["check 'a' fails: timed out"]


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the disk of the log is full")


def test_broken_log_handler_ends_no_monitoring() -> None:
    logger = logging.getLogger("wsgi_guard.health")
    logger.addHandler(handler := Broken())
    hands, run = Hands(), Counted(raising(ValueError()))
    try:
        with monitoring({"a": run}, hands) as monitor:
            for count in range(1, 4):
                until(lambda: run.count == count and monitor.seen()["a"].since is None)  # noqa: B023
                hands.forward(30.1, monitor)
    finally:
        logger.removeHandler(handler)


def test_no_thread_to_be_had_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "wsgi_guard.health a":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with monitoring({"a": Counted(), "b": Counted()}) as monitor:
        found = result_of(monitor, "a").result
        assert found is not None
        assert found.reading == Reading(FAIL, "RuntimeError")
        result_of(monitor, "b")


def test_process_without_threads_serves_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with monitoring({"a": Counted()}) as monitor:
            assert monitor.seen() == {"a": NOTHING}
    assert caplog.messages == ["no thread to be had for the health checks, none will run in this process"]


def test_reader_never_waits_for_the_watch() -> None:
    hands, hanging = Hands(), Hanging()
    with monitoring({"a": hanging}, hands) as monitor:
        assert hanging.entered.wait(PATIENCE)
        assert [monitor.seen()["a"].since for _ in range(1000)] == [1000.0] * 1000
    assert monitor.seen().get("b", NOTHING) is NOTHING


def test_falling_due_between_two_looks_is_not_overslept() -> None:
    ticks, run = itertools.count(), Counted()
    # Each look at the clock is 0.7 s later: the run is due neither at the first look of a round nor after the second.
    clock = Clock(lambda: 0.7 * next(ticks), lambda: 0.0, lambda: 0.5)
    monitor = Monitor({"a": Check("a", "http", timeout=1e9, interval=1.0)}, {"a": run}, clock)
    monitor.start()
    until(lambda: run.count >= 5)
    monitor.stop(PATIENCE)
