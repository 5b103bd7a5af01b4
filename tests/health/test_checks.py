"""Which checks there are, what each runs, and what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from wsgi_guard.health.checks import Checks, Ping
from wsgi_guard.health.decide import FAIL, PASS, WARN, Check
from wsgi_guard.settings import load
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import CheckSection, HealthSection

NO_PINGS: Mapping[str, Ping] = {}


def fine() -> None:
    """A check of one's own that passes."""


def busy() -> dict[str, Any]:
    return {"status": "warn", "output": "queue is long", "length": 12}


def lost() -> bool:
    return False


def built(pings: Mapping[str, Ping] = NO_PINGS, **checks: CheckSection) -> Checks:
    return Checks(HealthSection(interval=30.0, checks=checks), pings)


def test_system_and_disk_are_always_there() -> None:
    declared = built().declared
    assert {name: replace(check, warn=(), fail=()) for name, check in declared.items()} == {
        "system": Check("system", "system"), "disk": Check("disk", "disk"),
    }  # fmt: skip
    assert all(check.warn and check.fail for check in declared.values())


def test_what_is_configured_is_pinged() -> None:
    pinged: list[float] = []
    made = built({"redis": pinged.append, "postgres": pinged.append, "postgres-training": pinged.append})
    kinds = {name: (check.kind, check.tier) for name, check in made.declared.items()}
    assert kinds == {
        "system": ("system", "info"), "disk": ("disk", "info"), "redis": ("redis", "info"),
        "postgres": ("postgres", "info"), "postgres-training": ("postgres", "info"),
    }  # fmt: skip
    assert [made.runs[name](4.0).status for name in ("redis", "postgres", "postgres-training")] == [PASS] * 3
    assert pinged == [4.0] * 3


def test_building_runs_nothing() -> None:
    def never(timeout: float) -> None:
        raise AssertionError("a check ran while it was built")

    assert built({"redis": never, "postgres": never}).problems == []


def test_written_check_replaces_the_automatic_one() -> None:
    made = built(
        {"postgres": lambda timeout: None},
        postgres=CheckSection(type="postgres", tier="ready", timeout=2.0, interval=5.0),
        disk=CheckSection(type="disk", path="/tmp", needs=("system",)),  # noqa: S108  (any folder does)
    )
    bare = {name: replace(check, warn=(), fail=()) for name, check in made.declared.items()}
    assert bare["postgres"] == Check("postgres", "postgres", "ready", (), 2.0, 5.0)
    assert bare["disk"] == Check("disk", "disk", "info", ("system",), 5.0, 30.0)
    assert made.runs["disk"](5.0).observed["free_percent"] >= 0


def test_pool_is_found_by_name() -> None:
    pinged: list[str] = []
    made = built(
        {"postgres": lambda timeout: pinged.append("main"), "postgres-b": lambda timeout: pinged.append("b")},
        one=CheckSection(type="postgres"),
        two=CheckSection(type="postgres", pool="b"),
    )
    made.runs["one"](1.0), made.runs["two"](1.0)
    assert pinged == ["main", "b"]


def test_failing_ping_raises_for_the_monitor() -> None:
    def away(timeout: float) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        built({"redis": away}).runs["redis"](1.0)


@pytest.mark.parametrize(("name", "status"), [("fine", PASS), ("busy", WARN), ("lost", FAIL)])
def test_own_function_is_a_check(name: str, status: str) -> None:
    made = built(own=CheckSection(type=f"{__name__}:{name}"))
    assert made.problems == []
    assert made.runs["own"](1.0).status == status


PROBLEMS = [
    (CheckSection(type="http"), "needs a url"),
    (CheckSection(type="http", url=Secret("ftp://user:hunter2@host/")), "url is not an http:// or https:// URL"),
    (CheckSection(type="redis"), "needs a url"),
    (CheckSection(type="redis", url=Secret("http://:hunter2@host")), "url is not that of a redis"),
    (CheckSection(type="redis", url=Secret("memory")), "url is not that of a redis"),
    (CheckSection(type="postgres", pool="training"), "pool 'training' is not configured"),
    (CheckSection(type="no.such.module:check"), "cannot import 'no.such.module'"),
    (CheckSection(type=f"{__name__}:absent"), "has no 'absent'"),
    (CheckSection(type=f"{__name__}:PROBLEMS"), "not a function"),
    (CheckSection(type="teapot"), "expected module:function, not 'teapot'"),
]


def test_problems_table_is_whole() -> None:
    assert len(PROBLEMS) == 10


@pytest.mark.parametrize(("section", "words"), PROBLEMS)
def test_what_cannot_run_is_a_problem(section: CheckSection, words: str) -> None:
    (problem,) = built(wrong=section).problems
    assert problem.startswith("health.checks.wrong: ")
    assert words in problem
    assert "hunter2" not in problem


def test_all_problems_are_named_at_once() -> None:
    assert len(built(a=CheckSection(type="http"), b=CheckSection(type="redis")).problems) == 2


def test_settings_refuse_circles_and_unknown_needs() -> None:
    from wsgi_guard import ConfigurationError

    own = f"{__name__}:fine"
    checks = {"a": {"type": own, "needs": ["b"]}, "b": {"type": own, "needs": ["a"]}}
    with pytest.raises(ConfigurationError, match="circle"):
        load({"health": {"checks": checks}}, environ={})
    with pytest.raises(ConfigurationError, match="'sytsem'"):
        load({"health": {"checks": {"a": {"type": own, "needs": ["sytsem"]}}}}, environ={})
