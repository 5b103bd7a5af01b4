"""Which paths are answered, to whom, with what; and that no answer runs a check."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest

from tests.health.asking import BEARER, CALM, TOKEN, WITH_TOKEN, Make, facts_of
from tests.health.test_monitor import Counted, Hanging
from tests.health.ticking import PATIENCE, Hands, until
from wsgi_guard.admin import Admin
from wsgi_guard.errors import ConfigurationError, Refused
from wsgi_guard.health.layer import Health
from wsgi_guard.reports import Unproved
from wsgi_guard.settings.sections import CheckSection, HealthSection

READY = MappingProxyType({**CALM, "redis": CheckSection(type="redis", tier="ready")})


def failing(timeout: float) -> None:
    raise ConnectionError("redis://:hunter2@host: refused")


PATHS: list[tuple[str, int, int, int]] = [
    # path, answer without admin, with admin but no credentials, with the token; 0 = the app's
    ("/livez", 200, 200, 200),
    ("/readyz", 200, 200, 200),
    ("/health", 200, 200, 200),
    ("/health/detailed", 0, 401, 200),
    ("/health/check/disk", 0, 401, 200),
    ("/health/check/system", 0, 401, 200),
    ("/health/check/guard:sentry", 0, 401, 200),
    ("/health/check/absent", 0, 401, 404),
    ("/health/check/%64isk", 0, 401, 404),
    ("/health/check/", 0, 0, 0),
    ("/health/check", 0, 0, 0),
    ("/health/check/disk/more", 0, 0, 0),
    ("/health/", 0, 0, 0),
    ("/health/other", 0, 0, 0),
    ("/healthy", 0, 0, 0),
    ("/livez/", 0, 0, 0),
    ("//livez", 0, 0, 0),
    ("/Livez", 0, 0, 0),
    ("/livez.html", 0, 0, 0),
    ("/shop/livez", 0, 0, 0),
    ("/", 0, 0, 0),
    ("", 0, 0, 0),
    ("/metrics", 0, 0, 0),
]


def test_paths_table_is_whole() -> None:
    assert len(PATHS) == 23


@pytest.mark.parametrize(("path", "off", "anonymous", "admin"), PATHS)
def test_exact_paths_are_answered(make: Make, path: str, off: int, anonymous: int, admin: int) -> None:
    without, layer = make(), make(admin=WITH_TOKEN)
    for made in (without, layer):
        made.health.report("sentry", lambda: None)
    assert without.code(path) == off
    assert without.code(path, **BEARER) == off
    assert layer.code(path) == anonymous
    assert layer.code(path, HTTP_AUTHORIZATION="Bearer wrong") == anonymous
    assert layer.code(path, **BEARER) == admin


METHODS: list[tuple[str, int, int]] = [
    # method, answer of /livez, of /health/detailed with the token
    ("GET", 200, 200),
    ("HEAD", 200, 200),
    ("POST", 405, 405),
    ("PUT", 405, 405),
    ("PATCH", 405, 405),
    ("DELETE", 405, 405),
    ("OPTIONS", 405, 405),
    ("get", 405, 405),
    ("", 405, 405),
]


@pytest.mark.parametrize(("method", "public", "admin"), METHODS)
def test_health_is_only_read(make: Make, method: str, public: int, admin: int) -> None:
    layer = make(admin=WITH_TOKEN)
    for path in ("/livez", "/readyz", "/health"):
        assert layer.code(path, method) == public
    for path in ("/health/detailed", "/health/check/disk"):
        assert layer.code(path, method, **BEARER) == admin
        assert layer.code(path, method) == 401
    assert len(METHODS) == 9


def test_other_methods_of_other_paths_are_the_apps(make: Make) -> None:
    assert make().code("/orders", "POST") == 0


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/health/detailed", "/health/check/disk"])
def test_head_has_the_head_of_get(make: Make, path: str) -> None:
    layer = make(admin=WITH_TOKEN, clock=Hands().clock)
    got, head = layer.ask(path, **BEARER), layer.ask(path, "HEAD", **BEARER)
    assert got is not None
    assert head is not None
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")
    assert dict(got.headers) == {
        "Content-Type": "application/health+json", "Content-Length": str(len(got.body)), "Cache-Control": "no-store",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "method", "keys", "status", "header", "rule"),
    [
        ("/livez", "POST", {}, 405, ("Allow", "GET, HEAD"), "method"),
        ("/health/detailed", "GET", {}, 401, ("WWW-Authenticate", 'Bearer realm="admin"'), "admin"),
        ("/health/check/absent", "GET", BEARER, 404, None, "check"),
    ],
)
def test_refusals_are_on_record(
    make: Make, path: str, method: str, keys: dict[str, Any], status: int, header: Any, rule: str
) -> None:
    facts = facts_of(path, method, **keys)
    with pytest.raises(Refused) as caught:
        make(admin=WITH_TOKEN).health.before(facts)
    assert caught.value.status == status
    assert caught.value.headers == ((header,) if header else ())
    assert facts.decisions is not None
    assert [(made.layer, made.verdict, made.rule) for made in facts.decisions] == [("health", "deny", rule)]


def test_answers_are_no_decisions(make: Make) -> None:
    for path in ("/livez", "/readyz", "/health"):
        facts = facts_of(path)
        assert make().health.before(facts) is not None
        assert facts.decisions is None


def test_paths_can_be_moved_and_handed_back(make: Make) -> None:
    moved = make(HealthSection(livez="/alive", readyz=None, health="/status"), WITH_TOKEN)
    codes = {path: moved.code(path) for path in ("/alive", "/status", "/status/detailed", "/status/check/disk")}
    assert codes == {"/alive": 200, "/status": 200, "/status/detailed": 401, "/status/check/disk": 401}
    for path in ("/livez", "/readyz", "/health", "/health/detailed", "/health/check/disk"):
        assert moved.code(path) == 0
    none = make(HealthSection(livez="", readyz=None, health=""), WITH_TOKEN)
    assert none.health.own_paths == frozenset()
    assert none.code("/detailed") == 0
    assert none.code("/check/disk") == 0


def test_own_paths_are_what_is_answered(make: Make) -> None:
    assert make().health.own_paths == {"/livez", "/readyz", "/health"}
    assert make(admin=WITH_TOKEN).health.own_paths == {
        "/livez", "/readyz", "/health", "/health/detailed", "/health/check/system", "/health/check/disk",
    }  # fmt: skip


def test_colliding_paths_and_bad_checks_are_named_together() -> None:
    section = HealthSection(livez="/health/detailed", checks={"a": CheckSection(type="http")})
    with pytest.raises(ConfigurationError) as caught:
        Health(section, Admin(WITH_TOKEN), pings={}, draining=lambda: False)
    assert len(caught.value.problems) == 2


# what the answers say


def test_public_answer_tells_no_attacker_anything(make: Make) -> None:
    layer = make(admin=WITH_TOKEN, pings={"redis": failing})
    layer.health.start()
    layer.settle()
    reply = layer.ask("/health")
    assert reply is not None
    assert reply.status == "503 Service Unavailable"
    assert reply.body == b'{"status": "fail"}'
    assert layer.ask("/livez") is not None
    assert layer.json("/livez") == {"status": "pass"}
    assert layer.json("/readyz") == {"status": "pass"}


def test_detailed_answer_names_the_class_alone(make: Make) -> None:
    checks = {**CALM, "shop": CheckSection(type="redis", needs=("redis",))}
    layer = make(HealthSection(checks=checks), WITH_TOKEN, pings={"redis": failing})
    layer.health.start()
    layer.settle()
    reply = layer.ask("/health/detailed", **BEARER)
    assert reply is not None
    assert reply.status.startswith("503")
    assert b"hunter2" not in reply.body
    assert TOKEN.encode() not in reply.body
    made = json.loads(reply.body)
    assert made["causes"] == ["redis"]
    assert list(made["checks"])[:2] == ["redis", "shop"]
    assert made["checks"]["redis"][0]["output"] == "ConnectionError"
    assert made["checks"]["shop"][0]["blocked_by"] == ["redis"]
    one = layer.ask("/health/check/disk", **BEARER)
    assert one is not None
    assert one.status.startswith("200")
    assert list(json.loads(one.body)["checks"]) == ["disk"]


def test_readiness_goes_through_its_states(make: Make) -> None:
    hanging = Hanging()
    layer = make(HealthSection(checks=READY), pings={"redis": hanging})
    assert layer.json("/readyz") == {"status": "fail", "output": "starting"}
    layer.health.start()
    assert hanging.entered.wait(PATIENCE)
    assert layer.code("/readyz") == 503
    assert layer.code("/livez") == 200
    hanging.released.set()
    until(lambda: layer.code("/readyz") == 200)
    assert layer.json("/readyz") == {"status": "pass"}
    layer.draining[0] = True
    assert layer.json("/readyz") == {"status": "fail", "output": "draining"}
    assert layer.code("/readyz") == 503
    assert layer.code("/livez") == 200
    assert layer.code("/health") == 200


def test_failing_ready_check_takes_traffic_away(make: Make) -> None:
    layer = make(HealthSection(checks=READY), pings={"redis": failing})
    layer.health.start()
    layer.settle()
    assert layer.json("/readyz") == {"status": "fail", "output": "a check fails"}


def test_degraded_part_of_the_guard_warns(make: Make) -> None:
    layer = make(HealthSection(checks=CALM), WITH_TOKEN)
    said: list[str | None] = [None]
    layer.health.report("rate_limit", lambda: said[0])
    layer.health.start()
    layer.settle()
    assert layer.json("/health") == {"status": "pass"}
    assert layer.json("/health/check/guard:rate_limit", **BEARER)["status"] == "pass"
    said[0] = "the store is away"
    assert layer.json("/health") == {"status": "warn"}
    assert layer.json("/health/check/guard:rate_limit", **BEARER) == {
        "status": "warn",
        "checks": {
            "guard:rate_limit": [{"status": "warn", "componentType": "component", "output": "the store is away"}]
        },
    }


def test_part_that_is_only_configured_is_unknown_and_warns_nobody(make: Make) -> None:
    layer = make(HealthSection(checks=CALM), WITH_TOKEN)
    layer.health.report("sentry", lambda: Unproved("nothing was sent yet"))
    layer.health.start()
    layer.settle()
    made = layer.json("/health/check/guard:sentry", **BEARER)
    assert made["checks"]["guard:sentry"][0]["status"] == "unknown"
    assert layer.json("/health") == {"status": "pass"}
    assert layer.json("/health/detailed", **BEARER)["status"] == "pass"


def test_report_that_raises_is_a_warning(make: Make) -> None:
    def broken() -> str:
        raise OSError("hunter2")

    layer = make(admin=WITH_TOKEN)
    layer.health.report("sentry", broken)
    made = layer.json("/health/check/guard:sentry", **BEARER)
    assert made["checks"]["guard:sentry"][0]["output"] == "cannot tell its state: OSError"


def test_probes_run_no_check(make: Make) -> None:
    run = Counted()
    layer = make(HealthSection(checks=READY), WITH_TOKEN, pings={"redis": run}, clock=Hands().clock)
    for _ in range(2000):
        assert layer.code("/readyz") == 503
    assert run.count == 0
    layer.health.start()
    layer.settle()
    for path in ("/livez", "/readyz", "/health", "/health/detailed", "/health/check/redis"):
        for _ in range(400):
            assert layer.code(path, **BEARER) in (200, 503)
    assert run.count == 1


def test_probes_do_not_wait_for_a_hanging_check(make: Make) -> None:
    hands, hanging = Hands(), Hanging()
    layer = make(HealthSection(checks=READY), WITH_TOKEN, pings={"redis": hanging}, clock=hands.clock)
    layer.health.start()
    assert hanging.entered.wait(PATIENCE)
    hands.time += 5.0
    made = layer.json("/health/check/redis", **BEARER)
    assert made["checks"]["redis"][0]["output"] == "timed out"
    assert layer.code("/readyz") == 503
    assert layer.code("/health") == 503
    hanging.released.set()
