"""What alerts hear of: a cascade with one root, a recovery, a hang; and a listener that fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.health.ticking import PATIENCE, Hands, until
from wsgi_guard.changes import Change
from wsgi_guard.health.decide import FAIL, PASS, Check, Reading
from wsgi_guard.health.monitor import Monitor

INTERVAL = 30.0


class Scene:
    """`app` needs `db`; each is as `bad` says. Time moves by rounds."""

    def __init__(self, **app: Any) -> None:
        self.bad: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.hands = Hands()
        self.told: list[Change] = []
        self.count = 0
        app_check = Check("app", "own", needs=("db",), tier="ready", **app)
        self.checks = checks = {"db": Check("db", "own"), "app": app_check}
        self.monitor = Monitor(checks, {name: self.run(name) for name in checks}, self.hands.clock)
        self.monitor.listeners.append(self.told.append)
        self.monitor.start()
        self.settle()

    def run(self, name: str):  # type: ignore[no-untyped-def]
        def one(timeout: float) -> Reading:
            if name == "db":
                assert self.gate.wait(PATIENCE)
            return Reading(FAIL, "refused") if name in self.bad else Reading(PASS)

        return one

    def settle(self) -> None:
        """Until every check that is due has a result of now, and what follows from it was told."""
        seen, fast = self.monitor.seen, [name for name, check in self.checks.items() if check.interval == INTERVAL]
        until(lambda: all(one.result and not one.since for one in seen().values()))
        until(lambda: all(seen()[name].result.at >= self.hands.time for name in fast))  # type: ignore[union-attr]
        until(lambda: not any(one.since for one in seen().values()))
        self.monitor.wake()
        until(self.monitor._watch.news.empty)  # type: ignore[union-attr]

    def round(self) -> None:
        self.hands.forward(INTERVAL + 4.0, self.monitor)
        self.settle()

    @property
    def words(self) -> list[tuple[str, str]]:
        return [(change.check, change.state) for change in self.told]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.gate.set()
    made.monitor.stop(PATIENCE)


def test_only_the_root_of_a_cascade_is_told(scene: Scene) -> None:
    scene.bad = {"db", "app"}
    for _ in range(4):
        scene.round()
    until(lambda: bool(scene.told))
    (change,) = scene.told
    assert change[:3] == ("db", "failing", "refused")
    assert (change.tier, change.affected) == ("info", ("app",))
    assert change.time > change.since >= 1_700_000_000.0
    scene.bad = set()
    for _ in range(3):
        scene.round()
    until(lambda: scene.words == [("db", "failing"), ("db", "recovered")])


def test_dependant_that_stays_broken_is_told_once_its_need_is_well(scene: Scene) -> None:
    scene.bad = {"db", "app"}
    for _ in range(3):
        scene.round()
    scene.bad = {"app"}
    for _ in range(3):
        scene.round()
    until(lambda: set(scene.words) == {("db", "failing"), ("db", "recovered"), ("app", "failing")})
    assert next(change for change in scene.told if change.check == "app").tier == "ready"


def test_failure_under_a_root_that_is_gone_is_not_told() -> None:
    scene = Scene(interval=300.0, failures=1)
    try:
        scene.bad = {"db", "app"}
        for _ in range(11):
            scene.round()
        until(lambda: scene.words == [("db", "failing")])
        assert scene.monitor.seen()["app"].standing.failures == 1
        # The root is well again long before its dependant is looked at.
        scene.bad = set()
        for _ in range(3):
            scene.round()
        until(lambda: scene.words == [("db", "failing"), ("db", "recovered")])
        for _ in range(10):
            scene.round()
        assert scene.words == [("db", "failing"), ("db", "recovered")]
    finally:
        scene.monitor.stop(PATIENCE)


def test_one_bad_run_is_no_news(scene: Scene) -> None:
    for bad in ({"db"}, set(), {"app"}, set()):
        scene.bad = bad
        scene.round()
    assert scene.told == []


def test_check_that_hangs_for_good_is_told(scene: Scene) -> None:
    scene.gate.clear()
    scene.hands.forward(34.0, scene.monitor)
    until(lambda: scene.monitor.seen()["db"].since is not None)
    for _ in range(3):
        scene.hands.forward(INTERVAL + 4.0, scene.monitor)
        until(scene.monitor._watch.news.empty)  # type: ignore[union-attr]
    until(lambda: scene.words == [("db", "failing")])
    assert scene.told[0].cause == "timed out"


def test_listener_that_raises_harms_nobody(scene: Scene) -> None:
    def fail(change: Change) -> None:
        raise RuntimeError("no")

    scene.monitor.listeners.insert(0, fail)
    scene.bad = {"db"}
    for _ in range(3):
        scene.round()
    until(lambda: scene.words == [("db", "failing")])
