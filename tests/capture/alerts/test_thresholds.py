"""Thresholds and times: what is too many, in how long a time, over how many processes; the clock is an argument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.capture.support import call
from tests.health.asking import facts_of
from wsgi_guard.capture.alerts.counts import Counts
from wsgi_guard.capture.alerts.decide import Policy
from wsgi_guard.capture.alerts.desk import Desk
from wsgi_guard.capture.alerts.outbox import Outbox
from wsgi_guard.capture.alerts.routing import Routing
from wsgi_guard.capture.alerts.rules import Rule, rules_of
from wsgi_guard.capture.channels.webhook import Webhook
from wsgi_guard.layer import Outcome
from wsgi_guard.settings import load
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import AlertsSection, WebhookSection
from wsgi_guard.stores import MemoryStore
from wsgi_guard.stores.contract import Tally

from .making import desk_of, event, guarded, kinds
from .receivers import Hook

FACTS = facts_of("/shop")

NUMBERS = Policy("ERROR", 300, 30, 1000, 600, 2.0)


class Clocked(MemoryStore):
    """A store whose time the test tells, in seconds."""

    def __init__(self) -> None:
        super().__init__(100_000)
        self.now = 1_000_000.0

    def charge(self, policies: Any, keys: Any, costs: Any = None, now: int | None = None) -> Tally:
        return super().charge(policies, keys, costs, int(self.now * 1e6))

    def peek(self, policies: Any, keys: Any, now: int | None = None) -> Tally:
        return super().peek(policies, keys, int(self.now * 1e6))


class Fleet:
    """Desks of several processes over one store; `at` seconds after the start something happens, and all look."""

    def __init__(self, hook: Hook, rules: Sequence[Rule] = (), size: int = 1, **more: Any) -> None:
        self.hook = hook
        self.store = Clocked()
        self.start = self.store.now
        self.desks = [self._desk(tuple(rules), NUMBERS._replace(**more)) for _ in range(size)]
        self.finishes = [desk.counting(lambda facts, outcome: None) for desk in self.desks]
        self._turn = count()

    def _desk(self, rules: tuple[Rule, ...], policy: Policy) -> Desk:
        channel = Webhook(WebhookSection(url=Secret(self.hook.url)), None)
        outbox = Outbox({"webhook": channel}, Routing(("webhook",)), most=1000, timeout=5.0)
        desk = Desk(policy, rules, outbox, lambda: self.store, lambda: False)
        desk.start = lambda: None  # type: ignore[method-assign]
        return desk

    def at(self, seconds: float, errors: int = 0, requests: int = 0, failures: int = 0, **more: Any) -> None:
        self.store.now = self.start + seconds
        for _ in range(errors):
            self.desks[next(self._turn) % len(self.desks)].take(event(**more), None)
        for number in range(requests):
            code = 500 if number < failures else 200
            self.finishes[number % len(self.desks)](FACTS, Outcome(code, 0.0, "close"))
        for desk in self.desks:
            desk.look(now=self.store.now)

    def told(self) -> list[dict[str, Any]]:
        """All alerts, once everything that was said has arrived."""
        for desk in self.desks:
            desk.close()
        return [alert for _, told, _ in self.hook.inbox.now() for alert in told["alerts"]]

    def fired(self) -> list[str]:
        """Names of the thresholds that a message told of."""
        told = [alert for alert in self.told() if alert.get("reason")]
        return [alert["key"].removeprefix("rule:") if alert["key"].startswith("rule:") else
                alert["reason"].partition(":")[0] for alert in told]  # fmt: skip


@pytest.fixture(autouse=True)
def closing(hook: Hook) -> Iterator[None]:
    yield
    hook.gate.set()


BUILT_IN = rules_of(AlertsSection())
AT_DEFAULTS: list[tuple[str, int, dict[str, Any]]] = [
    ("critical", 5, {"severity": "CRITICAL"}),
    ("websocket", 10, {"category": "websocket"}),
    ("websocket", 10, {"signs": ("websocket",)}),
    ("database_connection", 3, {"category": "database", "signs": ("database_connection",)}),
]


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(("name", "most", "kind"), AT_DEFAULTS)
def test_built_in_threshold_fires_above_its_number_in_a_minute(
    name: str, most: int, kind: dict[str, Any], size: int, hook: Hook
) -> None:
    fleet = Fleet(hook, BUILT_IN, size)
    fleet.at(0, most, **kind)
    # A minute later those have left the window.
    fleet.at(61, most, **kind)
    fleet.at(62)
    assert [alert for alert in hook.inbox.now() if "reason" in str(alert)] == []
    fleet.at(63, 1, **kind)
    fleet.at(65)
    assert fleet.fired() == [name]


RATES: list[tuple[int, int, bool]] = [(19, 19, False), (20, 2, False), (20, 3, True), (100, 10, False), (100, 11, True)]


@pytest.mark.parametrize(("requests", "failures", "fires"), RATES)
def test_error_rate_fires_above_a_tenth_of_enough_requests(
    requests: int, failures: int, fires: bool, hook: Hook
) -> None:
    fleet = Fleet(hook, BUILT_IN)
    fleet.at(0, requests=requests, failures=failures)
    assert fleet.fired() == (["error_rate"] if fires else [])


def test_error_rate_is_that_of_all_processes(hook: Hook) -> None:
    """No process alone has had requests enough to say anything."""
    fleet = Fleet(hook, BUILT_IN, 3)
    fleet.at(0, requests=30, failures=3)
    assert hook.inbox.wait(1, 0.2) == []
    fleet.at(2, requests=3, failures=3)
    assert fleet.fired() == ["error_rate"]


def test_rate_forgets_what_was_a_minute_ago(hook: Hook) -> None:
    fleet = Fleet(hook, BUILT_IN)
    fleet.at(0, requests=19, failures=19)
    fleet.at(121, requests=20, failures=1)
    assert fleet.fired() == []


def test_threshold_speaks_once_and_then_of_its_end(hook: Hook) -> None:
    fleet = Fleet(hook, [Rule("mine", 60, 3)], severity="CRITICAL")
    for second in range(0, 120, 2):
        for number in range(4):
            fleet.at(second, 1, fingerprint=f"{number}{second:015}")
    fleet.at(200)
    fleet.at(281)
    assert [(alert["kind"], alert["key"]) for alert in fleet.told()][:2] == [
        ("first", "rule:mine"), ("recovered", "rule:mine"),
    ]  # fmt: skip


def test_cause_that_only_a_threshold_told_of_has_its_end_told(hook: Hook) -> None:
    fleet = Fleet(hook, [Rule("mine", 60, 3)], severity="CRITICAL")
    fleet.at(0, 1, severity="ERROR")
    fleet.at(2, 4, severity="ERROR")
    for second in range(10, 200, 6):
        fleet.at(second)
    told = [(alert["kind"], alert["key"].partition(":")[0] == "rule") for alert in fleet.told()]
    assert told == [("escalated", False), ("recovered", False)]


OWN: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"count": 2, "category": ["database"]}, {"category": "database"}, {"category": "network"}),
    ({"count": 2, "severity": "CRITICAL"}, {"severity": "CRITICAL"}, {"severity": "ERROR"}),
    ({"count": 2, "window": "10 minutes"}, {}, {"id": ""}),
]


@pytest.mark.parametrize(("rule", "counted", "other"), OWN)
def test_own_rule_counts_what_it_names(
    rule: dict[str, Any], counted: dict[str, Any], other: dict[str, Any], hook: Hook
) -> None:
    section = load({"alerts": {"rules": [{"name": "mine", **rule}]}}, environ={}).alerts
    rules = [one for one in rules_of(section) if one.name == "mine"]
    fleet = Fleet(hook, rules)
    if "id" not in other:
        fleet.at(0, 9, **other, fingerprint="0" * 16)
        fleet.at(2)
    fleet.at(4, 2, **counted)
    fleet.at(6)
    assert "mine" not in str(hook.inbox.now())
    fleet.at(8, 1, **counted)
    fleet.at(10)
    assert fleet.fired() == ["mine"]


def test_own_rule_of_a_path_counts_its_requests_alone(hook: Hook) -> None:
    rule = {"name": "payments", "path": ["/fails"], "ratio": 0.5, "window": "5 minutes", "requests": 4}
    guard = guarded({"webhook": {"url": hook.url}, "rules": [rule], "error_rate": 0})
    desk = desk_of(guard)
    desk.start = lambda: None  # type: ignore[method-assign]
    for _ in range(50):
        call(guard, "/")
    for _ in range(5):
        call(guard, "/fails")
    desk.look()
    desk.close()
    [alert] = [alert for _, told, _ in hook.inbox.now() for alert in told["alerts"]]
    assert alert["reason"] == "payments: more than 0.5 of all requests failed in 300 seconds"


# times of messages


def test_cause_that_goes_on_is_told_again_after_the_cool_down(hook: Hook) -> None:
    fleet = Fleet(hook, size=2)
    for second in range(0, 620, 10):
        fleet.at(second, 1)
    assert kinds(hook.inbox.wait(3)) == [("first", 1, 1), ("again", 30, 31), ("again", 30, 61)]


def test_cause_that_is_quiet_has_recovered(hook: Hook) -> None:
    fleet = Fleet(hook, size=3)
    fleet.at(0, 1)
    fleet.at(10, 9)
    fleet.at(20)
    assert len(hook.inbox.wait(1)) == 1
    for second in range(75, 200, 6):
        fleet.at(second)
    assert kinds(hook.inbox.wait(2)) == [("first", 1, 1), ("recovered", 9, 10)]
    fleet.told()
    assert len(hook.inbox.now()) == 2


def test_lone_error_has_one_message(hook: Hook) -> None:
    fleet = Fleet(hook, size=2)
    fleet.at(0, 1)
    for second in range(6, 700, 6):
        fleet.at(second)
    assert [alert["kind"] for alert in fleet.told()] == ["first"]


def test_critical_ones_do_not_wait_behind_a_flood_of_others(hook: Hook) -> None:
    fleet = Fleet(hook, per_hour=2)
    for number in range(9):
        fleet.at(number, 1, fingerprint=f"{number:016}")
    fleet.at(10, 1, severity="CRITICAL", fingerprint="c" * 16)
    taken = [told["severity"] for _, told, _ in hook.inbox.wait(4)]
    assert taken == ["ERROR", "ERROR", "ERROR", "CRITICAL"]
    assert fleet.desks[0].state()["held_for_digest"] == 6


@settings(max_examples=60, deadline=None)
@example([(110, 1), (67 * 64, 2), (60 * 64, 4)])
@given(st.lists(st.tuples(st.integers(0, 90 * 64), st.integers(1, 4)), min_size=1, max_size=30))
def test_count_of_a_window_is_exact(charges: list[tuple[int, int]]) -> None:
    """Against all charges written down: over as soon as more than five lie within the last minute.

    Pauses are in 64ths of a second, which no sum rounds: a minute is a minute to both sides.
    """
    store, rule, now = Clocked(), Rule("r", 60, 5), 0.0
    counts = Counts(lambda: store, 30)
    start = store.now
    past: list[tuple[float, int]] = []
    for pause, cost in charges:
        now += pause / 64
        store.now = start + now
        past = [(at, some) for at, some in past if now - at < 60] + [(now, cost)]
        expected = sum(some for _, some in past) > rule.most
        assert counts.over(rule, cost) is expected
        if expected:
            # What is over stays written down up to the number, which is all that the rule asks for.
            past = _newest(past, rule.most)


def _newest(past: list[tuple[float, int]], most: int) -> list[tuple[float, int]]:
    """As the store keeps them: those that it had, filled up at this moment."""
    kept = past[:-1]
    left = most - sum(some for _, some in kept)
    return [*kept, (past[-1][0], left)] if left > 0 else kept
