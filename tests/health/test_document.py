"""The shape of an answer, and what the public form leaves out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wsgi_guard.health import document
from wsgi_guard.health.decide import FAIL, PASS, WARN, Check, Reading, Result, Seen, findings
from wsgi_guard.reports import Unproved

NOW = 1000.0
EPOCH = 1_700_000_000.25


def seen(status: str, cause: str = "", observed: Mapping[str, Any] | None = None) -> Seen:
    return Seen(Result(Reading(status, cause, observed or {}), NOW - 12.34, EPOCH, 0.012345))


CHECKS = {
    "system": Check("system", "system"),
    "orders": Check("orders", "http", tier="ready", needs=("postgres",)),
    "postgres": Check("postgres", "postgres"),
    "mine": Check("mine", "shop.checks:mine"),
}
SEEN = {
    "system": seen(PASS, observed={"memory_percent": 40.5}),
    "orders": seen(FAIL, "answered 500", {"status_code": 500}),
    "postgres": seen(FAIL, "OperationalError"),
}
MEASURED = {"time": "2023-11-14T22:13:20.250Z", "age_s": 12.3, "duration_ms": 12.35}


def detailed(**reports: str | None) -> dict[str, Any]:
    return document.detailed(findings(CHECKS, SEEN, NOW), reports, NOW)


def test_detailed_answer_leads_with_the_cause() -> None:
    assert detailed() == {
        "status": "fail",
        "causes": ["postgres"],
            "output": "postgres: OperationalError",
        "checks": {
            "postgres": [{
                "status": "fail", "componentType": "datastore", "tier": "info", "output": "OperationalError",
                "affected": ["orders"], **MEASURED,
            }],
            "orders": [{
                "status": "fail", "componentType": "component", "tier": "ready",
                "output": "answered 500; blocked by postgres", "needs": ["postgres"], "blocked_by": ["postgres"],
                **MEASURED, "observedValue": {"status_code": 500},
            }],
            "mine": [{
                "status": "unknown", "componentType": "component", "tier": "info", "output": "not run yet",
            }],
            "system": [{
                "status": "pass", "componentType": "system", "tier": "info", **MEASURED,
                "observedValue": {"memory_percent": 40.5},
            }],
        },
    }  # fmt: skip
    assert list(detailed()["checks"]) == ["postgres", "orders", "mine", "system"]


def test_degraded_parts_of_the_guard_stand_before_what_is_well() -> None:
    made = detailed(rate_limit="the store is away, limits are local", sentry=None)
    assert list(made["checks"]) == ["postgres", "orders", "mine", "guard:rate_limit", "system", "guard:sentry"]
    assert made["checks"]["guard:rate_limit"] == [
        {"status": "warn", "componentType": "component", "output": "the store is away, limits are local"}
    ]
    assert made["checks"]["guard:sentry"] == [{"status": "pass", "componentType": "component"}]


def test_part_that_is_only_configured_never_passes() -> None:
    made = document.detailed((), {"sentry": Unproved("nothing sent yet"), "rate_limit": None}, NOW)
    assert made["checks"]["guard:sentry"] == [
        {"status": "unknown", "componentType": "component", "output": "nothing sent yet"}
    ]
    assert made["status"] == "pass"


def test_degraded_part_warns_and_never_fails() -> None:
    assert document.detailed((), {"rate_limit": "away"}, NOW)["status"] == WARN
    assert document.detailed((), {"rate_limit": None}, NOW)["status"] == PASS


def test_blocked_check_that_passes_says_why_it_warns() -> None:
    checks = {"a": Check("a", "http"), "b": Check("b", "http", needs=("a",))}
    made = document.detailed(findings(checks, {"a": seen(FAIL, "timed out"), "b": seen(PASS)}, NOW), {}, NOW)
    assert made["checks"]["b"][0]["status"] == "warn"
    assert made["checks"]["b"][0]["output"] == "blocked by a"


def test_single_check_has_the_same_shape() -> None:
    part = detailed()["checks"]["mine"][0]
    assert document.one("mine", part) == {"status": "warn", "checks": {"mine": [part]}}


def test_public_answer_is_one_word() -> None:
    assert json.loads(document.public(FAIL)) == {"status": "fail"}
    assert json.loads(document.public(FAIL, "draining")) == {"status": "fail", "output": "draining"}


def test_only_failure_is_an_error_status() -> None:
    assert [document.code(status) for status in ("pass", "warn", "unknown", "fail")] == [200, 200, 200, 503]
