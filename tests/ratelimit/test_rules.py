"""From settings to rules: names, labels, ceilings, and everything that is refused."""

from __future__ import annotations

import pytest

from tests.ratelimit.support import rule
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.ratelimit.builtin import BUILTIN
from wsgi_guard.ratelimit.rules import Rules
from wsgi_guard.routes import Routes
from wsgi_guard.settings.relations import BUILTIN_RULES
from wsgi_guard.settings.sections import GuardSection, RateLimitSection, RuleSection


def _rules(*sections: RuleSection, defaults: str = "shadow", builtin: str | None = "off") -> Rules:
    section = RateLimitSection(rules=sections, builtin_rules=builtin)
    return Rules(section, GuardSection(defaults=defaults), Routes())


def _labels(rules: Rules) -> list[str]:
    return [quota.label for one in rules.all for quota in one.quotas]


def test_several_limits_have_labels_of_their_own() -> None:
    rules = _rules(rule("one", "5 per minute"), rule("two", "10 per second; 1000 per hour"))
    assert _labels(rules) == ["one", "two:1s", "two:3600s"]
    assert len({quota.id for one in rules.all for quota in one.quotas}) == 3


def test_changed_limit_counts_anew() -> None:
    before, after = _rules(rule("one", "5 per minute")), _rules(rule("one", "6 per minute"))
    assert before.all[0].quotas[0].id != after.all[0].quotas[0].id


def test_key_of_the_clients_choice_gets_a_ceiling() -> None:
    rules = _rules(rule("keys", "5 per minute", key=("header:x-api-key",)))
    assert [(quota.label, quota.quantity) for quota in rules.all[0].quotas] == [("keys", 5), ("keys:ip", 50)]
    (note,) = rules.notes
    assert "'keys'" in note
    assert "header:x-api-key" in note


@pytest.mark.parametrize("key", [("header:x-a", "ip"), ("header:x-a", "user"), ("endpoint",), ("ip", "endpoint")])
def test_joint_key_is_as_free_as_its_freest_part(key: tuple[str, ...]) -> None:
    rules = _rules(rule("keys", "5 per minute", key=key))
    assert _labels(rules) == ["keys", "keys:ip"]
    assert len(rules.notes) == 1


@pytest.mark.parametrize("key", [("ip",), ("user",), ("endpoint",), ("ip", "endpoint")])
def test_other_keys_need_no_ceiling(key: tuple[str, ...]) -> None:
    rules = _rules(rule("keys", key=key, path=("/orders",)))
    assert _labels(rules) == ["keys"]
    assert rules.notes == []


def test_ceiling_stays_within_exact_arithmetic() -> None:
    rules = _rules(rule("keys", "1000000000 per minute", key=("header:x-a", "endpoint")))
    assert [quota.quantity for quota in rules.all[0].quotas] == [10**9, 10**9]


@pytest.mark.parametrize(
    ("builtin", "defaults", "enforced"),
    [("enforce", "shadow", {True}), ("shadow", "enforce", {False}), (None, "enforce", {True}),
     (None, "shadow", {False}), ("off", "enforce", set())],
)  # fmt: skip
def test_builtin_rules_follow_their_mode(builtin: str | None, defaults: str, enforced: set[bool]) -> None:
    rules = _rules(builtin=builtin, defaults=defaults)
    assert {quota.enforced for one in rules.all for quota in one.quotas} == enforced


def test_builtin_rules_are_the_promised_five() -> None:
    found = {one.name: [(limit.quantity, limit.window) for limit in one.limit] for one in BUILTIN}
    assert found == {
        "api_general": [(1000, 3600)], "authentication": [(10, 300)], "file_upload": [(50, 3600)],
        "ai_processing": [(20, 3600)], "admin": [(100, 3600)],
    }  # fmt: skip
    assert tuple(found) == BUILTIN_RULES
    assert all(one.key == ("ip",) and one.path for one in BUILTIN)


def test_all_problems_are_told_at_once() -> None:
    wrong = (
        rule("path", path=("orders",)),
        rule("rest", path=("/a/{rest+}/b",)),
        rule("module", key=("no_such_module_here:key",)),
        rule("function", key=("os.path:no_such_function",)),
        rule("right"),
    )
    with pytest.raises(ConfigurationError) as caught:
        _rules(*wrong)
    assert len(caught.value.problems) == 4
    for problem, one in zip(caught.value.problems, wrong, strict=False):
        assert problem.startswith(f"rate_limit.rules {one.name!r}: ")
