"""A request through the layer: counted, told, refused."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from typing import Any

import pytest

from tests.ratelimit.support import Site, field, rule
from wsgi_guard.errors import Refused
from wsgi_guard.layer import Head
from wsgi_guard.settings.sections import GuardSection, RuleSection
from wsgi_guard.stores import MemoryStore

# A List of Strings with Integer parameters, as far as the two fields use it (RFC 9651, 3.1 and draft -10, 3 and 4).
POLICY = re.compile(r'"[\x20\x21\x23-\x5b\x5d-\x7e]+";q=[0-9]{1,15};w=[1-9][0-9]{0,14}')
CURRENT = re.compile(r'"[\x20\x21\x23-\x5b\x5d-\x7e]+";r=[0-9]{1,15};t=[0-9]{1,15}')


def test_counts_up_to_the_limit() -> None:
    site = Site(rule(limit="3 per hour"))
    assert site.codes(5) == [200, 200, 200, 429, 429]
    assert site.codes(1, ip="203.0.113.10") == [200]


def test_refusal_is_the_promised_problem() -> None:
    site = Site(rule("login", "1 per 5 minutes"), rule("day", "1 per day"), rule("wide", "100 per day"))
    site.send()
    with pytest.raises(Refused) as caught:
        site.layer.before(site.begin())
    refused = caught.value
    assert refused.status == 429
    assert refused.type == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert refused.members == {"violated-policies": ["login", "day"]}
    retry = int(dict(refused.headers)["Retry-After"])
    assert 0 < retry <= 2 * 86400
    assert f"{retry} second" in refused.detail
    assert site.decisions() == [("deny", "login"), ("deny", "day")]


def test_fields_follow_the_draft() -> None:
    site = Site(rule("wide", "100 per hour"), rule("narrow", "5 per minute"), rule("many", "7 per day; 9 per minute"))
    head = site.send()
    policies, current = field(head, "RateLimit-Policy"), field(head, "RateLimit")
    assert policies == '"wide";q=100;w=3600, "narrow";q=5;w=60, "many:86400s";q=7;w=86400, "many:60s";q=9;w=60'
    assert current is not None
    assert all(POLICY.fullmatch(item) for item in policies.split(", "))
    assert all(CURRENT.fullmatch(item) for item in current.split(", "))
    assert [item.split(";")[:2] for item in current.split(", ")] == [
        ['"narrow"', "r=4"], ['"many:86400s"', "r=6"], ['"many:60s"', "r=8"], ['"wide"', "r=99"]
    ]  # fmt: skip


def test_denial_and_fields_name_the_same_moment() -> None:
    site = Site(rule(limit="1 per hour"))
    site.send()
    head = site.send()
    retry = field(head, "Retry-After")
    assert retry is not None
    assert field(head, "RateLimit") == f'"all";r=0;t={retry}'


@pytest.mark.parametrize(
    ("form", "present"),
    [
        ("ietf", {"RateLimit-Policy", "RateLimit"}),
        ("legacy", {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}),
        ("both", {"RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}),
        ("none", set()),
    ],
)
def test_headers_are_those_of_the_setting(form: str, present: set[str]) -> None:
    site = Site(rule(limit="1 per hour"), headers=form)
    assert {name for name, _ in site.send().headers} == present
    assert {name for name, _ in site.send().headers} == present | {"Retry-After"}


def test_legacy_fields_speak_of_the_tightest() -> None:
    site = Site(rule("wide", "100 per hour"), rule("narrow", "5 per minute"), headers="legacy")
    head, now = site.send(), time.time()
    assert field(head, "X-RateLimit-Limit") == "5"
    assert field(head, "X-RateLimit-Remaining") == "4"
    assert now < int(field(head, "X-RateLimit-Reset") or 0) <= now + 61


def test_path_without_rules_has_no_fields() -> None:
    site = Site(rule(path=("/api/{rest+}",)))
    assert site.send("/").headers == []
    assert site.send("/api/x").headers != []


def test_head_spends_what_get_spends() -> None:
    site = Site(rule(limit="2 per hour", methods=("GET",)))
    assert [site.send(method=method).code for method in ("HEAD", "GET", "HEAD", "POST")] == [200, 200, 429, 200]


def test_rule_for_head_alone_leaves_get_alone() -> None:
    site = Site(rule(limit="1 per hour", methods=("HEAD",)))
    sent = ("HEAD", "GET", "HEAD", "head", "GET", "POST")
    assert [site.send(method=method).code for method in sent] == [200, 200, 429, 429, 200, 200]


def test_options_and_own_paths_are_free() -> None:
    site = Site(rule(limit="1 per hour"), own_paths=frozenset({"/livez"}))
    assert site.codes(3, method="OPTIONS") == [200] * 3
    assert site.codes(2000, "/livez") == [200] * 2000
    assert site.codes(2, "//livez") == [200, 429]
    assert site.codes(1, "/livez/") == [429]


def test_denied_request_spends_nothing() -> None:
    site = Site(rule("first", "3 per hour"), rule("second", "1 per hour", path=("/tight",)))
    assert site.codes(5, "/tight") == [200, 429, 429, 429, 429]
    assert site.codes(3, "/") == [200, 200, 429]


def test_shadow_reports_and_never_denies() -> None:
    site = Site(rule("trial", "1 per hour", mode="shadow"))
    assert site.codes(2) == [200, 200]
    assert site.decisions() == [("shadow", "trial")]
    assert site.codes(1) == [200]
    assert site.decisions() == []
    assert site.send().headers == []


def test_methods_that_clients_invent_cost_no_memory() -> None:
    site = Site(rule(limit="10000 per hour", methods=("GET", "POST")))
    for number in range(500):
        site.send(method=f"BREW{number}")
    assert len(site.facts.route.memo) <= 3


def test_disguised_paths_slip_past_no_rule() -> None:
    site = Site(rule(limit="1 per hour", path=("/login",)))
    assert site.codes(1, "/login") == [200]
    disguises = ["//login", "/./login", "/login/", "/login;a=b", "/%6cogin", "/%256cogin", "/x/../login", "/login/."]
    assert [site.send(path).code for path in disguises] == [429] * len(disguises)


def test_hidden_slash_is_seen_in_the_raw_target() -> None:
    site = Site(rule("file", "1 per hour", path=("/files/{name}",)))
    assert site.codes(2, "/files/a/b", RAW_URI="/files/a%2Fb") == [200, 429]
    assert site.codes(2, "/files/a/b") == [200, 200]


def test_shared_address_denies_by_written_rules_only(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(
        rule("written", "12 per hour", path=("/login",)), guard=GuardSection(), builtin_rules="enforce"
    )
    near = {"ip": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    with caplog.at_level(logging.WARNING, "wsgi_guard"):
        codes = [site.send("/login", "POST", **near).code for _ in range(13)]
    assert codes == [200] * 12 + [429]
    assert site.decisions() == [("deny", "written")]
    assert [record.message for record in caplog.records if "trusted_proxies" in record.message] == [
        caplog.records[0].message
    ]
    assert '"authentication"' not in str(field(site.send("/login", "POST", **near), "RateLimit-Policy"))


def test_stated_proxies_let_builtin_rules_deny() -> None:
    site = Site(builtin_rules="enforce")
    assert site.codes(11, "/login", "POST", ip="10.0.0.1", HTTP_X_FORWARDED_FOR="x") == [200] * 10 + [429]


def test_ceiling_holds_who_changes_keys() -> None:
    site = Site(rule("keys", "2 per hour", key=("header:x-api-key",)))
    codes = [site.send(HTTP_X_API_KEY=f"key-{number}").code for number in range(25)]
    assert codes == [200] * 20 + [429] * 5
    assert site.codes(3, ip="203.0.113.10", HTTP_X_API_KEY="key-x") == [200, 200, 429]


def test_start_says_what_an_operator_should_know(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(rule("keys", key=("header:x-api-key",)))
    with caplog.at_level(logging.WARNING, "wsgi_guard"):
        site.layer.start()
    assert ["x-api-key" in record.message for record in caplog.records] == [True]


def test_a_million_clients_stay_bounded() -> None:
    site = Site(rule(limit="5 per hour"), max_keys=500)
    for number in range(20_000):
        site.send(ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(site.store) <= 500  # type: ignore[arg-type]


def test_exempt_rule_frees_what_follows() -> None:
    free = RuleSection(name="free", path=("/assets/{rest+}",), exempt=True)
    site = Site(rule("before", "2 per hour"), free, rule("behind", "1 per hour"))
    assert site.codes(3, "/assets/a.js") == [200, 200, 429]
    assert site.codes(1, "/", ip="203.0.113.10") == [200]


def test_fields_of_the_app_are_left_alone() -> None:
    site = Site(rule())
    facts = site.begin()
    site.layer.before(facts)
    theirs = [("RateLimit", '"upstream";r=1;t=1'), ("Content-Type", "text/plain")]
    head = Head("200 OK", list(theirs))
    site.layer.after(facts, head)
    assert head.headers[:2] == theirs
    assert len(head.headers) == 4


@pytest.mark.parametrize("form", ["legacy", "both"])
def test_fields_that_are_no_lists_are_those_of_the_app_alone(form: str) -> None:
    site = Site(rule(), headers=form)
    facts = site.begin()
    site.layer.before(facts)
    theirs = [("x-ratelimit-remaining", "7"), ("RateLimit-Policy", '"upstream";q=9'), ("Retry-After", "5")]
    head = Head("200 OK", list(theirs))
    site.layer.after(facts, head)
    ours = ["RateLimit-Policy", "RateLimit"] if form == "both" else []
    assert head.headers[:3] == theirs
    assert [name for name, _ in head.headers[3:]] == ours
    for strange in (None, (), (1, 2)):
        given: list[Any] = [strange]
        head = Head("200 OK", given)
        site.layer.after(facts, head)
        assert len(head.headers) > 3


def test_child_of_a_fork_waits_for_no_thread_of_its_parent() -> None:
    store = MemoryStore(100)
    site = Site(rule(limit="5 per hour"), store=store)
    assert site.send().code == 200
    with store._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            site.layer.start()
            os._exit(0 if site.send().code == 200 else 1)
    assert os.waitpid(child, 0)[1] == 0
