"""Checks in the app's own code: put on record, built beside those of the settings, refused for what cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.health.asking import BEARER, CALM, WITH_TOKEN, Make
from wsgi_guard import ConfigurationError, health_check
from wsgi_guard.health import registry
from wsgi_guard.settings.sections import CheckSection, HealthSection


@pytest.fixture(autouse=True)
def nothing_on_record() -> Iterator[None]:
    registry._registered.clear()
    registry._built.clear()
    yield
    registry._registered.clear()


def test_decorated_function_is_a_check(make: Make) -> None:
    @health_check("queue", tier="ready", timeout="2 s", interval=5, warn="length > 3", needs=["system"])
    def queue() -> dict[str, Any]:
        return {"status": "pass", "length": 5}

    @health_check
    def cache() -> bool:
        return True

    layer = make(HealthSection(checks=CALM), WITH_TOKEN)
    layer.health.start()
    layer.settle()
    checks = layer.json("/health/detailed", **BEARER)["checks"]
    assert (checks["queue"][0]["status"], checks["queue"][0]["output"]) == ("warn", "length > 3")
    assert (checks["queue"][0]["tier"], checks["queue"][0]["needs"]) == ("ready", ["system"])
    assert checks["cache"][0]["status"] == "pass"
    assert queue()["length"] == 5


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("a/b", {}, "cannot be the name of a check"),
    ("a", {"tier": "critical"}, "expected tier 'ready' or 'info'"),
    ("a", {"timeout": 0}, "expected 0.001 to"),
    ("a", {"interval": "soon"}, "expected a time"),
    ("a", {"warn": "free"}, "expected a measure and its bound"),
    ("a", {"needed": ["b"]}, "takes no 'needed', only tier, needs"),
]


@pytest.mark.parametrize(("name", "keys", "words"), WRONG)
def test_what_cannot_be_is_refused_at_once(name: str, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        health_check(name, **keys)(lambda: True)


def test_name_is_taken_once() -> None:
    @health_check("a")
    def one() -> None: ...

    with pytest.raises(ValueError, match="there is a check 'a' already"):

        @health_check("a")
        def two() -> None: ...


def test_module_that_is_loaded_again_replaces_its_checks() -> None:
    for answer in (1, 2):

        @health_check("a")
        def one(answer: int = answer) -> Any:
            return answer

    assert registry.registered()["a"].function() == 2


def test_circles_and_unknown_needs_stop_the_start(make: Make) -> None:
    @health_check("a", needs=["b", "c"])
    def one() -> None: ...

    @health_check("b", needs=["a"])
    def two() -> None: ...

    section = HealthSection(checks={**CALM, "b": CheckSection(type="system")})
    with pytest.raises(ConfigurationError) as caught:
        make(section)
    assert len(caught.value.problems) == 3
    for words in ("'b' needs 'a' needs 'b', which is a circle", "no check 'c'", "a check of that name in the app's"):
        assert any(words in problem for problem in caught.value.problems)


def test_one_need_may_stand_by_itself(make: Make) -> None:
    health_check("a", needs="system")(lambda: True)
    layer = make(HealthSection(checks=CALM), WITH_TOKEN)
    layer.health.start()
    layer.settle()
    assert layer.json("/health/check/a", **BEARER)["checks"]["a"][0]["needs"] == ["system"]


def test_check_that_comes_after_the_guard_is_said(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    health_check("early")(lambda: True)
    make(HealthSection(checks=CALM), WITH_TOKEN)
    caplog.clear()
    health_check("late")(lambda: True)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "check 'late' is declared after a guard was built"
    ]
