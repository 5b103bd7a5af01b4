"""What is worth a message: values in, values out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.capture.alerts import decide
from wsgi_guard.capture.alerts.decide import AGAIN, ESCALATED, FIRST, RECOVERED, Standing
from wsgi_guard.capture.alerts.routing import Routing
from wsgi_guard.capture.alerts.rules import Rule, rules_of
from wsgi_guard.capture.events import Event
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import load
from wsgi_guard.settings.sections import AlertsSection, RouteSection

from .making import event, notice

# total, told, fresh, graver, escalated
LIVES: list[tuple[tuple[Any, ...], str]] = [
    ((0, 0, 0), ""),
    ((1, 0, 1), FIRST),
    ((9, 0, 0), FIRST),
    ((1, 1, 1), ""),
    ((5, 1, 4), AGAIN),
    ((5, 1, 4, True), ESCALATED),
    ((5, 5, 4, True), ESCALATED),
    ((5, 1, 0), RECOVERED),
    ((5, 5, 0), ""),
    ((5, 5, 0, False, True), RECOVERED),
    ((5, 5, 3, False, True), ""),
    ((1, 1, 0), ""),
    ((3, 5, 0), ""),
]


def test_each_standing_has_its_message() -> None:
    assert len(LIVES) == 13
    assert [(standing, decide.wanted(Standing(*standing))) for standing, _ in LIVES] == LIVES


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans())
def test_no_message_without_something_to_tell(total: int, told: int, fresh: int, graver: bool, esc: bool) -> None:
    kind = decide.wanted(Standing(total, told, fresh, graver, esc))
    if kind in (FIRST, AGAIN):
        assert total > told
    if kind == RECOVERED:
        assert not fresh


def test_ratio_needs_enough_requests() -> None:
    assert not decide.over_ratio(19, 19, 0.1, 20)
    assert not decide.over_ratio(2, 20, 0.1, 20)
    assert decide.over_ratio(3, 20, 0.1, 20)


def test_dominant_cause_is_half_of_all() -> None:
    assert decide.dominant({}) is None
    assert decide.dominant({"a": 1, "b": 1}) in ("a", "b")
    assert decide.dominant({"a": 2, "b": 2, "c": 1}) is None


def test_built_in_thresholds_are_those_of_the_settings() -> None:
    found = {rule.name: (rule.most, rule.ratio, rule.window) for rule in rules_of(AlertsSection())}
    assert found == {
        "critical": (5, 0.0, 60), "error_rate": (0, 0.1, 60), "websocket": (10, 0.0, 60),
        "database_connection": (3, 0.0, 60),
    }  # fmt: skip
    off = AlertsSection(critical_per_minute=0, error_rate=0, websocket_failures=0, database_connection_errors=0)
    assert rules_of(off) == ()


COUNTED: list[tuple[Rule, Event, frozenset[str], bool]] = [
    (Rule("r", 60, severity="CRITICAL"), event(severity="ERROR"), frozenset(), False),
    (Rule("r", 60, severity="CRITICAL"), event(severity="CRITICAL"), frozenset(), True),
    (Rule("r", 60, categories=frozenset({"database"})), event(category="database"), frozenset(), True),
    (Rule("r", 60, categories=frozenset({"database"})), event(category="network"), frozenset(), False),
    (Rule("r", 60, paths=frozenset({"/pay"})), event(), frozenset({"/pay"}), True),
    (Rule("r", 60, paths=frozenset({"/pay"})), event(), frozenset(), False),
    (Rule("r", 60, signs=frozenset({"websocket"})), event(signs=("websocket",)), frozenset(), True),
    (Rule("r", 60, signs=frozenset({"websocket"})), event(), frozenset(), False),
]


@pytest.mark.parametrize(("rule", "one", "paths", "counts"), COUNTED)
def test_rule_counts_what_it_asks_for(rule: Rule, one: Event, paths: frozenset[str], counts: bool) -> None:
    assert rule.counts(one, paths) is counts


def test_routes_choose_channels_by_severity_and_category() -> None:
    routes = (
        RouteSection(severity="CRITICAL", channels=("email", "slack")),
        RouteSection(category=("network",), channels=()),
        RouteSection(channels=("slack",)),
    )
    routing = Routing(("email", "slack"), routes)
    assert routing.targets(notice(severity="CRITICAL")) == ("email", "slack")
    assert routing.targets(notice(category="network")) == ()
    assert routing.targets(notice()) == ("slack",)
    assert Routing(("email", "slack")).targets(notice()) == ("email", "slack")
    assert Routing(("email", "slack"), everywhere=False).targets(notice()) == ("email",)
    assert routing.next({"email"}) == "slack"
    assert routing.next({"email", "slack"}) is None


def test_known_variables_set_alerts_up() -> None:
    environ = {
        "EMAIL_ALERTS_ENABLED": "true", "SMTP_SERVER": "mail.example", "SMTP_PORT": "465",
        "ALERT_SENDER_EMAIL": "a@b.example", "ALERT_SENDER_PASSWORD": "pw",
        "ALERT_RECIPIENTS": "c@d.example, e@f.example", "SLACK_WEBHOOK_URL": "https://hooks.example/x",
    }  # fmt: skip
    alerts = load({}, environ=environ).alerts
    assert (alerts.email.enabled, alerts.email.port) == (True, 465)
    assert alerts.email.recipients == ("c@d.example", "e@f.example")
    from wsgi_guard.settings.alert_relations import channels_of

    assert channels_of(alerts) == ("email", "slack")
    assert channels_of(load({}, environ={**environ, "EMAIL_ALERTS_ENABLED": "0"}).alerts) == ("slack",)
    assert channels_of(load({}, environ={}).alerts) == ()
    with pytest.raises(ConfigurationError, match="sender is missing"):
        load({}, environ={"SMTP_SERVER": "mail.example", "ALERT_RECIPIENTS": "ops@shop.example"})
