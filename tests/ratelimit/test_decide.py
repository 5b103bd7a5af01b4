"""Which rules a request meets, and what a tally means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ratelimit.support import rule
from wsgi_guard.ratelimit import answer
from wsgi_guard.ratelimit.decide import judge, match, standings
from wsgi_guard.ratelimit.rules import Quota, Rules
from wsgi_guard.routes import Routes
from wsgi_guard.settings.sections import GuardSection, RateLimitSection, RuleSection
from wsgi_guard.stores import State
from wsgi_guard.stores.standing import left
from wsgi_guard.stores.window import PARTS

FILE = (
    rule("everything"),
    rule("orders", path=("/orders/{id}", "/orders")),
    rule("writes", methods=("POST", "PUT")),
    rule("heads", path=("/page",), methods=("HEAD",)),
    rule("named", path=()),
    RuleSection(name="free", path=("/assets/{rest+}", "/orders/free"), exempt=True),
    rule("late"),
    rule("late_assets", path=("/assets/{rest+}",)),
)
# path, verb, rules to charge, exempt
CASES = [
    ("/", "GET", "everything late", False),
    ("/orders", "GET", "everything orders late", False),
    ("/orders/7", "GET", "everything orders late", False),
    ("/orders/7/items", "GET", "everything late", False),
    ("/orders/7", "POST", "everything orders writes late", False),
    ("/orders/7", "PUT", "everything orders writes late", False),
    ("/orders/7", "DELETE", "everything orders late", False),
    ("/orders/7", "post", "everything orders late", False),
    ("/orders/7", "", "everything orders late", False),
    ("/orders/7/", "GET", "everything orders late", False),
    ("//orders//7", "GET", "everything orders late", False),
    ("/./orders/x/../7", "GET", "everything orders late", False),
    ("/orders;v=1/7;x", "GET", "everything orders late", False),
    ("/%6frders/7", "GET", "everything orders late", False),
    ("/%256frders/7", "GET", "everything orders late", False),
    ("/orders/a%2Fb", "GET", "everything orders late", False),
    ("/Orders/7", "GET", "everything late", False),
    ("/page", "GET", "everything late", False),
    ("/page", "HEAD", "everything heads late", False),
    ("/page", "POST", "everything writes late", False),
    ("/assets/app.js", "GET", "everything", True),
    ("/assets/app.js", "POST", "everything writes", True),
    ("/assets", "GET", "everything late", False),
    ("/orders/free", "GET", "everything orders", True),
    ("/orders", "OPTIONS", "", False),
    ("/assets/app.js", "OPTIONS", "", False),
]


def _rules(*sections: RuleSection, guard: GuardSection | None = None, **keys: object) -> tuple[Rules, Routes]:
    routes = Routes()
    section = RateLimitSection(rules=sections, **{"builtin_rules": "off", **keys})  # type: ignore[arg-type]
    return Rules(section, guard or GuardSection(), routes), routes


def _match(rules: Rules, routes: Routes, path: str, verb: str) -> tuple[str, bool]:
    route = routes.match({"PATH_INFO": path})
    found = match(rules.all, [hit.template for hit in route.hits], verb)
    return " ".join(one.name for one in found.rules), found.exempt


def test_every_matching_rule_is_charged() -> None:
    assert len(CASES) == 26
    rules, routes = _rules(*FILE)
    assert [(path, verb, *_match(rules, routes, path, verb)) for path, verb, _, _ in CASES] == CASES


BUILTIN = [
    ("/api/orders", "GET", "api_general"),
    ("/api", "GET", ""),
    ("/login", "POST", "authentication"),
    ("/login/", "POST", "authentication"),
    ("/login", "GET", ""),
    ("/api/login", "POST", "api_general authentication"),
    ("/api/v2/auth/token", "POST", "api_general authentication"),
    ("/auth/google/callback", "POST", "authentication"),
    ("/accounts/password/reset/", "POST", "authentication"),
    ("/upload", "POST", "file_upload"),
    ("/uploads/7", "PUT", "file_upload"),
    ("/uploads/7.png", "GET", ""),
    ("/api/upload", "POST", "api_general file_upload"),
    ("/api/ai/summary", "POST", "api_general ai_processing"),
    ("/ai/summary", "GET", ""),
    ("/admin", "GET", "admin"),
    ("/admin/users/7", "DELETE", "admin"),
    ("/admin/login/", "POST", "authentication admin"),
    ("/api/admin/users", "GET", "api_general admin"),
    ("/administrator", "GET", ""),
    ("/", "GET", ""),
]


def test_builtin_rules_know_usual_paths() -> None:
    assert len(BUILTIN) == 21
    rules, routes = _rules(builtin_rules="enforce")
    assert [(path, verb, _match(rules, routes, path, verb)[0]) for path, verb, _ in BUILTIN] == BUILTIN


def test_exempt_of_the_file_ends_builtin_rules_too() -> None:
    rules, routes = _rules(RuleSection(name="free", path=("/api/public",), exempt=True), builtin_rules="enforce")
    assert _match(rules, routes, "/api/public", "GET") == ("", True)


def _quota(quantity: int, window: int = 60, **keys: object) -> Quota:
    rules, _ = _rules(rule("one", f"{quantity} per {window} seconds", **keys))
    return rules.all[0].quotas[0]


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        ((False, 0, 0, 10), 64),  # all spent in this window: the first twentieth of the next brings one back
        ((False, 500_000, 0, 10), 34),
        ((False, 0, 10, 0), 4),
        ((False, 25_000, 10, 0), 2),
        ((False, 50_000, 10, 0), 1),
        ((False, 999_999, 0, 10), 4),
    ],
)
def test_denial_names_rounded_up_wait(state: tuple[bool, int, int, int], seconds: int) -> None:
    quota = _quota(10)
    assert judge([quota], [state]) == ([quota], [], seconds)


def test_longest_wait_of_all_denials_counts() -> None:
    slow, fast = _quota(10, 3600), _quota(10, 1)
    verdict = judge([fast, slow], [(False, 0, 10, 0), (False, 0, 10, 0)])
    assert verdict.denied == [fast, slow]
    assert verdict.wait == 181


def test_shadow_is_told_and_denies_nothing() -> None:
    quota = _quota(10, mode="shadow")
    verdict = judge([quota], [(False, 0, 10, 0)])
    assert (verdict.denied, verdict.shadowed) == ([], [quota])
    assert standings([quota], [(False, 0, 10, 0)]) == []


def test_tightest_limit_leads() -> None:
    wide, narrow, spent = _quota(1000, 3600), _quota(10), _quota(5)
    states = [(True, 0, 0, 1), (True, 0, 0, 1), (True, 500_000, 0, 5)]
    assert [(left, -sooner) for left, sooner, _, _ in standings([wide, narrow, spent], states)] == [
        (0, 37), (9, 60), (999, 3600)
    ]  # fmt: skip


def test_limit_that_admits_fewest_more_requests_of_this_cost_leads() -> None:
    units, calls, free = _quota(1000, 3600), _quota(20, 60), _quota(3, 60)
    states = [(True, 0, 0, 900), (True, 0, 0, 1), (True, 0, 0, 0)]
    told = [(one[0], -one[1]) for one in standings([units, calls, free], states, [900, 1, 0])]
    assert told == [(100, 6799), (19, 60), (3, 60)]


@pytest.mark.parametrize(
    ("quantity", "window", "burst", "policy"),
    [(2, 10, 5, "q=5;w=25"), (100, 60, 10, "q=10;w=6"), (7, 60, 3, "q=3;w=26")],
)
def test_fields_of_a_bucket_tell_all_that_it_holds(quantity: int, window: int, burst: int, policy: str) -> None:
    quota = _quota(quantity, window, algorithm="token-bucket", burst=burst)
    told = dict(answer.fields("both", answer.policy([quota]), standings([quota], [(1, PARTS, 0, 0)]), 0.0))
    assert told["RateLimit-Policy"] == f'"one";{policy}'
    assert told["RateLimit"].startswith(f'"one";r={burst - 1};')
    assert (told["X-RateLimit-Limit"], told["X-RateLimit-Remaining"]) == (str(burst), str(burst - 1))


counts = st.integers(0, 2000)
STATES = st.lists(st.tuples(st.booleans().map(int), st.integers(0, PARTS - 1), counts, counts), min_size=1, max_size=3)


@given(STATES, st.sampled_from(["enforce enforce enforce", "shadow enforce shadow", "enforce shadow enforce"]))
def test_usual_answer_tells_what_the_general_one_would(states: list[State], modes: str) -> None:
    limits = zip(((1000, 60), (1500, 3600), (1700, 86400)), modes.split(), strict=True)
    quotas = [_quota(*limit, mode=mode) for limit, mode in limits][: len(states)]
    short = answer.usual(answer.rows(quotas), states)
    found = standings(quotas, states)
    general = dict(answer.fields("ietf", "", found, 0.0))["RateLimit"]
    places = zip(quotas, states, strict=True)
    roomy = all(state[0] and left(quota, state) for quota, state in places if quota.enforced)
    assert short == (general if roomy else None)


def test_answers_beside_windows_take_the_general_way() -> None:
    bucket, shadow = _quota(10, algorithm="token-bucket"), _quota(10, mode="shadow")
    assert answer.rows([_quota(10)]) != ()
    assert answer.rows([_quota(10), bucket]) == ()
    assert answer.rows([shadow, _quota(10)])[0] is None


def test_zero_limit_never_promises() -> None:
    quota = _quota(0)
    assert judge([quota], [(False, PARTS - 1, 0, 0)]).wait == 120
    assert [(left, -sooner) for left, sooner, _, _ in standings([quota], [(False, 0, 0, 0)])] == [(0, 120)]
