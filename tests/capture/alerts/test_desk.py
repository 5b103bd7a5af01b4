"""From an error to the message: once, with exact counts, over whatever channel works, and nothing lost in silence."""

from __future__ import annotations

import json
import logging
import socket
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.capture.conftest import Lines
from tests.capture.support import call
from tests.health.ticking import until
from tests.support.redis import Redis
from wsgi_guard import capture_error
from wsgi_guard.capture.alerts.counts import Counts
from wsgi_guard.capture.alerts.decide import Policy
from wsgi_guard.capture.alerts.desk import Desk
from wsgi_guard.capture.alerts.outbox import Outbox
from wsgi_guard.capture.alerts.routing import Routing
from wsgi_guard.capture.alerts.rules import Rule, rules_of
from wsgi_guard.capture.channels.slack import Slack
from wsgi_guard.capture.channels.webhook import Webhook
from wsgi_guard.capture.channels.wire import Channel
from wsgi_guard.changes import FAILING, RECOVERED, Change
from wsgi_guard.errors import StoreError
from wsgi_guard.guard import Guard
from wsgi_guard.reports import Unproved
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import AlertsSection, WebhookSection
from wsgi_guard.stores import MemoryStore

from .failing import app
from .making import desk_of, event, guarded, kinds
from .receivers import Hook, Mail, hanging

NUMBERS = Policy("ERROR", 300, 30, 20, 600, 2.0)


def desk(hook: Hook, store: Any, rules: tuple[Rule, ...] = (), **more: Any) -> Desk:
    """A desk whose looks the test decides on: nobody starts its thread."""
    channel = Webhook(WebhookSection(url=Secret(hook.url)), None)
    outbox = Outbox({"webhook": channel}, Routing(("webhook",)), most=100, timeout=5.0)
    made = Desk(NUMBERS._replace(**more), rules, outbox, lambda: store)
    made.start = lambda: None  # type: ignore[method-assign]
    return made


def test_error_is_known_within_seconds_by_mail_and_webhook(mail: Mail, hook: Hook, tls: tuple[Path, Path]) -> None:
    guard = guarded({"ca": str(tls[0]), "email": mail.settings(password="pw"), "webhook": {"url": hook.url}})
    began = monotonic()
    answer = call(guard, "/fails")
    [(_, letter, _)] = mail.inbox.wait(1)
    [(_, told, _)] = hook.inbox.wait(1)
    assert monotonic() - began < 5
    assert f"error id: {answer.error_id}" in str(letter.get_content())
    assert told["alerts"][0]["error_id"] == answer.error_id
    desk_of(guard).close()


def test_one_cause_is_told_first_and_last_with_exact_counts(hook: Hook) -> None:
    one = desk(hook, MemoryStore(1000), quiet=1)
    one.take(event(), None)
    one.look()
    for _ in range(50):
        one.take(event(), None)
    one.look()
    assert kinds(hook.inbox.wait(1)) == [("first", 1, 1)]
    one.close()
    assert kinds(hook.inbox.wait(2)) == [("first", 1, 1), ("again", 50, 51)]


def test_many_processes_have_one_sender(hook: Hook) -> None:
    store = MemoryStore(1000)
    desks = [desk(hook, store) for _ in range(8)]
    for _ in range(10):
        for one in desks:
            one.take(event(), None)
    threads = [threading.Thread(target=one.look) for one in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in desks:
        one.close()
    told = kinds(hook.inbox.wait(99, 1.0))
    assert [kind for kind, _, _ in told].count("first") == 1
    assert sum(count for _, count, _ in told) == 80


def test_staging_and_production_are_two_fleets() -> None:
    store = MemoryStore(1000)
    fleets = [Counts(lambda: store, 30, space) for space in ("staging/", "production/", "production/")]
    assert [counts.claim("cause", 60) for counts in fleets] == [True, True, False]
    assert [counts.add([("cause", 1)])[0].total for counts in fleets] == [1, 1, 2]
    fleets[0].release("cause", 60)
    assert [counts.claimed("cause", 60) for counts in fleets] == [False, True, True]


def test_threshold_blames_the_one_cause_behind_it(hook: Hook) -> None:
    rules = rules_of(AlertsSection(critical_per_minute=5))
    one = desk(hook, MemoryStore(1000), rules)
    for _ in range(6):
        one.take(event(severity="CRITICAL"), None)
    one.look()
    [(_, told, _)] = hook.inbox.wait(1)
    assert [alert["reason"] for alert in told["alerts"]] == ["critical: more than 5 in a minute"]
    for _ in range(60):
        one.take(event(severity="CRITICAL"), None)
    one.look()
    assert len(hook.inbox.wait(2, 0.3)) == 1
    one.close()


def test_all_thresholds_that_one_cause_made_fire_are_named(hook: Hook) -> None:
    rules = (Rule("all mine", 60, 3), Rule("mine", 60, 3), *rules_of(AlertsSection(critical_per_minute=5)))
    one = desk(hook, MemoryStore(1000), rules)
    for _ in range(6):
        one.take(event(severity="CRITICAL"), None)
    one.look()
    [(_, told, _)] = hook.inbox.wait(1)
    assert [alert["reason"] for alert in told["alerts"]] == [
        "all mine: more than 3 in a minute; mine: more than 3 in a minute; critical: more than 5 in a minute"
    ]
    one.close()


def test_nothing_counts_as_queued_once_it_has_arrived(hook: Hook) -> None:
    one = desk(hook, MemoryStore(1000))
    told: list[int] = []
    one._outbox.changed = lambda: told.append(one.page()["queued"])
    one.take(event(), None)
    one.look()
    hook.inbox.wait(1)
    until(lambda: len(told) == 2)
    assert told == [1, 0]
    one.close()


def test_threshold_of_many_causes_speaks_for_itself(hook: Hook) -> None:
    rule = Rule("mine", 60, 3)
    one = desk(hook, MemoryStore(1000), (rule,), severity="CRITICAL")
    for number in range(8):
        one.take(event(fingerprint=f"{number:016}"), None)
    one.look()
    [(_, told, _)] = hook.inbox.wait(1)
    [alert] = told["alerts"]
    assert (alert["key"], alert["kind"]) == ("rule:mine", "first")
    one.close()


def test_exactly_the_count_is_no_alert(hook: Hook) -> None:
    counts = Counts(lambda: MemoryStore(10), 30)
    store = MemoryStore(1000)
    counts = Counts(lambda: store, 30)
    rule = Rule("r", 60, 5)
    assert [counts.over(rule, count) for count in (3, 2, 1, 1, 100)] == [False, False, True, True, True]
    assert Counts(lambda: store, 30).over(Rule("wide", 60, 20_000), 20_001)


def test_graver_error_of_a_known_cause_escalates(hook: Hook) -> None:
    one = desk(hook, MemoryStore(1000))
    one.take(event(), None)
    one.look()
    hook.inbox.wait(1)
    # The turn of a cause lasts a second, in which nobody else may speak of it.
    one._counts.release("f" * 16 + ":turn", 1)
    one.take(event(severity="CRITICAL"), None)
    one.look()
    assert kinds(hook.inbox.wait(2)) == [("first", 1, 1), ("escalated", 1, 2)]
    one.close()


def test_failing_check_is_told_and_its_recovery(hook: Hook) -> None:
    store = MemoryStore(1000)
    desks = [desk(hook, store), desk(hook, store)]
    for state in (FAILING, RECOVERED):
        for one in desks:
            one.changed(Change("postgres", state, "timed out", 10.0, 40.0, "ready", ("orders",)))
            one.look()
    assert kinds(hook.inbox.wait(2)) == [("first", 1, 1), ("recovered", 0, 0)]
    for one in desks:
        one.close()
    assert len(hook.inbox.now()) == 2


def change(state: str) -> Change:
    return Change("postgres", state, "timed out", 10.0, 40.0, "ready")


def looked(one: Desk, *states: str) -> None:
    """What health tells, each followed by a look."""
    for state in states:
        one.changed(change(state))
        one.look()


def until_told(one: Desk, hook: Hook, count: int) -> None:
    """Looks until so many messages have gone out."""

    def told() -> bool:
        one.look()
        return len(hook.inbox.now()) == count

    until(told)


def test_failure_that_begins_anew_is_told_when_the_cooldown_is_over(hook: Hook) -> None:
    one = desk(hook, MemoryStore(1000), cooldown=1)
    looked(one, FAILING, RECOVERED, FAILING)
    assert kinds(hook.inbox.wait(2)) == [("first", 1, 1), ("recovered", 0, 0)]
    until_told(one, hook, 3)
    looked(one, RECOVERED)
    until_told(one, hook, 4)
    assert kinds(hook.inbox.now())[2:] == [("first", 1, 1), ("recovered", 0, 0)]
    one.close()


def test_failure_that_is_over_before_it_is_told_is_not_told(hook: Hook) -> None:
    one = desk(hook, MemoryStore(1000), cooldown=1)
    looked(one, FAILING, RECOVERED, FAILING, RECOVERED)
    began = monotonic()

    def waited() -> bool:
        one.look()
        return monotonic() - began > 1.2

    until(waited)
    one.close()
    assert kinds(hook.inbox.now()) == [("first", 1, 1), ("recovered", 0, 0)]


def test_many_causes_are_a_digest_and_the_cap_holds(hook: Hook) -> None:
    one = desk(hook, MemoryStore(10_000), per_hour=2)
    for number in range(40):
        one.take(event(fingerprint=f"{number:016}"), None)
    one.look()
    [(_, told, _)] = hook.inbox.wait(1)
    assert told["subject"].startswith("digest: 40 alerts")
    assert (len(told["alerts"]), told["more"]) == (20, 20)
    for number in range(40, 43):
        one.take(event(fingerprint=f"{number:016}"), None)
        one.look()
    # The second message of the hour, and the first digest of what is over the cap.
    assert len(hook.inbox.wait(3)) == 3
    assert one.state()["held_for_digest"] == 1
    one.close()
    assert len(hook.inbox.wait(4)) == 4


def mail_to(port: int) -> dict[str, Any]:
    return {"server": "127.0.0.1", "port": port, "sender": "a@b.example", "recipients": ["c@d.example"]}


@pytest.mark.parametrize("hangs", [True, False], ids=["hanging", "dead"])
def test_next_channel_stands_in_and_no_request_waits(hook: Hook, hangs: bool) -> None:
    listener = hanging()
    if not hangs:
        listener.close()
    port = listener.getsockname()[1] if hangs else 9
    guard = guarded({
        "email": mail_to(port), "webhook": {"url": hook.url}, "deliver": "first", "timeout": 2,
        "channels": ["email", "webhook"],
    })  # fmt: skip
    began = monotonic()
    assert call(guard, "/fails").code == 500
    assert monotonic() - began < 2
    [(_, told, _)] = hook.inbox.wait(1, 20)
    assert monotonic() - began < 30
    assert told["alerts"][0]["kind"] == "first"
    assert str(desk_of(guard).report()).startswith("email: ")
    desk_of(guard).close()
    listener.close()


def test_channel_is_not_known_to_work_before_it_took_a_message(hook: Hook) -> None:
    desk = desk_of(guard := guarded({"webhook": {"url": hook.url}}))
    assert isinstance(desk.report(), Unproved)
    call(guard, "/fails")
    hook.inbox.wait(1)
    until(lambda: desk.report() is None)
    desk.close()


def test_end_waits_no_longer_than_the_flush_and_loses_nothing_in_silence(lines: Lines) -> None:
    listener = hanging()
    guard = guarded({"email": mail_to(listener.getsockname()[1]), "flush": 0.5})
    answer = call(guard, "/fails")
    began = monotonic()
    desk_of(guard).close()
    assert monotonic() - began < 4
    [lost] = [text for text in map(logging.LogRecord.getMessage, lines.records) if "was not delivered" in text]
    assert str(answer.error_id) in lost
    listener.close()


def test_heir_of_a_message_knows_that_a_channel_has_taken_it(hook: Hook, lines: Lines) -> None:
    silent = Hook()
    silent.gate.clear()
    store = MemoryStore(1000)

    def one() -> Desk:
        channels: dict[str, Channel] = {
            "webhook": Webhook(WebhookSection(url=Secret(hook.url)), None), "slack": Slack(Secret(silent.url), None),
        }  # fmt: skip
        made = Desk(NUMBERS, (), Outbox(channels, Routing(tuple(channels)), most=9, timeout=0.5), lambda: store)
        made.start = lambda: None  # type: ignore[method-assign]
        return made

    dying, heir = one(), one()
    dying.take(event(), None)
    dying.look()
    hook.inbox.wait(1)
    until(lambda: [names for _, names in dying.page()["under_way"]] == [["slack"]])
    heir.inherit(json.loads(json.dumps({"alerts": dying.page()})))
    heir.close()
    assert len(hook.inbox.now()) == 1
    assert heir.state()["lost"] == 0
    assert not any("was not delivered" in record.getMessage() for record in lines.records)
    dying.close()
    silent.close()


def test_full_queue_drops_and_says_so(hook: Hook, lines: Lines) -> None:
    hook.gate.clear()
    store = MemoryStore(1000)
    channel = Webhook(WebhookSection(url=Secret(hook.url)), None)
    outbox = Outbox({"webhook": channel}, Routing(("webhook",)), most=2, timeout=5.0)
    one = Desk(NUMBERS, (), outbox, lambda: store)
    for number in range(6):
        one.take(event(fingerprint=f"{number:016}"), None)
        one.look()
    assert one.state()["dropped"] >= 2
    assert sum("was not delivered" in record.getMessage() for record in lines.records) == one.state()["dropped"]
    hook.gate.set()
    one.close()


TOKEN = "0123456789abcdef"


def test_what_was_lost_is_in_health_metrics_and_stats(hook: Hook) -> None:
    hook.status = 404
    alerts = {"webhook": {"url": hook.url}, "flush": 1}
    guard = Guard(app, {"rate_limit": {"store": "memory"}, "alerts": alerts, "admin": {"token": TOKEN}})
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
    call(guard, "/fails")
    hook.refused.wait(1)
    desk_of(guard).close()
    assert call(guard, "/health").body == b'{"status": "warn"}'
    told = json.loads(call(guard, "/health/detailed", **bearer).body)["checks"]["guard:alerts"][0]
    assert told["status"] == "warn"
    assert "webhook: answered 404; messages were lost (1) or found no room in a queue (0)" in json.dumps(told)
    stats = json.loads(call(guard, "/admin/errors/stats", **bearer).body)["alerts"]
    assert (stats["state"], stats["lost"], stats["channels"][0]["failed"]) == ("degraded", 1, 1)
    metrics = call(guard, "/metrics", **bearer).body.decode()
    assert "wsgi_guard_alerts_lost_total 1.0" in metrics
    assert 'wsgi_guard_alerts_failed_total{channel="webhook"} 1.0' in metrics
    assert "wsgi_guard_alerts_dropped_total 0.0" in metrics
    assert "wsgi_guard_alerts_queued 0.0" in metrics


def test_where_no_thread_can_start_the_end_delivers_by_itself(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of an interpreter, from 3.12 on."""
    one = desk(hook, MemoryStore(1000))
    start = threading.Thread.start

    def refusing(thread: threading.Thread) -> None:
        if thread.name.startswith("wsgi_guard-"):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refusing)
    one.take(event(), None)
    one.close()
    assert kinds(hook.inbox.now()) == [("first", 1, 1)]


class Away:
    """A store that is away."""

    def __getattr__(self, name: str) -> Any:
        raise StoreError("away")


def test_alerts_go_out_while_the_store_is_away(hook: Hook) -> None:
    one = desk(hook, Away())
    for _ in range(7):
        one.take(event(), None)
    for _ in range(4):
        one.look()
    assert kinds(hook.inbox.wait(1)) == [("first", 7, 7)]
    assert "the store is away" in str(one.report())
    one.close()


def test_end_tells_what_the_store_could_not_count(hook: Hook) -> None:
    one = desk(hook, Away())
    for _ in range(3):
        one.take(event(), None)
    one.close()
    assert kinds(hook.inbox.now()) == [("first", 3, 3)]


@pytest.mark.live
def test_frozen_redis_holds_up_no_end(hook: Hook, redis_server: Redis) -> None:
    guard = guarded({"webhook": {"url": hook.url}, "flush": 1}, rate_limit={"store": redis_server.url})
    call(guard, "/fails")
    hook.inbox.wait(1)
    redis_server.freeze()
    call(guard, "/fails")
    began = monotonic()
    desk_of(guard).close()
    assert monotonic() - began < 4
    redis_server.thaw()
    assert "again" in str(kinds(hook.inbox.now())) or len(hook.inbox.now()) == 2


def test_error_rate_counts_requests(hook: Hook) -> None:
    limits = {"error_rate": 0.5, "error_rate_requests": 10, "severity": "CRITICAL"}
    guard = guarded({"webhook": {"url": hook.url}, **limits})
    for _ in range(20):
        call(guard, "/")
    for _ in range(25):
        call(guard, "/fails")
    taken = hook.inbox.wait(1)
    assert "error_rate" in taken[0][1]["alerts"][0]["reason"]
    desk_of(guard).close()


def test_nothing_runs_without_channels() -> None:
    before = {thread.name for thread in threading.enumerate()}
    guard = guarded({})
    call(guard, "/fails")
    assert guard.stack.capture.alerts is None
    assert not {thread.name for thread in threading.enumerate()} - before
    assert "finish" not in vars(guard.stack.capture)


def test_service_of_the_settings_is_told(hook: Hook) -> None:
    guard = guarded({"webhook": {"url": hook.url}}, capture={"service": "shop"})
    call(guard, "/fails")
    [(_, told, _)] = hook.inbox.wait(1)
    assert told["subject"].startswith("shop: first: ")
    assert (told["sender"]["service"], told["sender"]["host"]) == ("shop", socket.gethostname())
    assert told["alerts"][0]["event"]["service"] == "shop"
    desk_of(guard).close()


def test_report_outside_a_request_is_alerted(hook: Hook) -> None:
    guard = guarded({"webhook": {"url": hook.url}})
    call(guard, "/")
    error_id = capture_error(ValueError("at night"), "billing", "CRITICAL", {"job": 7})
    [(_, told, _)] = hook.inbox.wait(1)
    found = told["alerts"][0]["event"]
    assert (found["id"], found["service"], found["severity"]) == (error_id, "billing", "CRITICAL")
    desk_of(guard).close()
