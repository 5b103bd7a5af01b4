"""What a rule asks beyond path and method: headers, network, identity; lists of networks; other limits for some."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from tests.ratelimit.support import Site, rule
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings.sections import GuardSection, Limit, OverrideSection

ONE = "1 per hour"
LAN = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
UNSTATED = GuardSection(trusted_proxies=None)


def test_header_must_be_there() -> None:
    site = Site(rule(limit=ONE, header=("x-beta", "content-type")))
    assert site.codes(3, HTTP_X_BETA="1") == [200] * 3
    assert site.codes(3, HTTP_X_BETA="1", CONTENT_TYPE="a/b") == [200, 429, 429]


def test_header_that_is_sent_empty_is_there() -> None:
    site = Site(rule(limit=ONE, header=("x-beta",)))
    assert site.codes(3, HTTP_X_BETA="") == [200, 429, 429]
    assert Site(rule(limit=ONE, header=("content-type",))).codes(3, CONTENT_TYPE="") == [200] * 3


CASES: list[tuple[str, bool, list[int]]] = [
    # address, exempt, codes of three requests
    ("10.1.2.3", False, [200, 429, 429]),
    ("2001:db8::1", False, [200, 429, 429]),
    ("192.0.2.1", False, [200, 200, 200]),
    ("10.1.2.3", True, [200, 200, 200]),
    ("192.0.2.1", True, [200, 429, 429]),
    ("garbage", False, [200, 429, 429]),
    ("garbage", True, [200, 429, 429]),
]


def test_network_cases_are_whole() -> None:
    assert len(CASES) == 7


@pytest.mark.parametrize(("address", "exempt", "codes"), CASES)
def test_network_is_the_clients(address: str, exempt: bool, codes: list[int]) -> None:
    if exempt:
        site = Site(rule("free", "", network=LAN, exempt=True), rule(limit=ONE))
    else:
        site = Site(rule(limit=ONE, network=LAN))
    assert site.codes(3, ip=address) == codes


def test_shared_address_frees_nobody_and_limits_all() -> None:
    behind: dict[str, Any] = {"ip": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}
    freed = Site(rule("free", "", network=LAN, exempt=True), rule(limit=ONE), guard=UNSTATED)
    assert freed.codes(2, **behind) == [200, 429]
    other = ip_network("192.0.2.0/24")
    assert Site(rule(limit=ONE, network=(other,)), guard=UNSTATED).codes(2, **behind) == [200, 429]


@pytest.mark.parametrize(
    ("wanted", "limited"), [(("*",), {"alice", "bob"}), (("-",), {""}), (("alice", "-"), {"alice", ""})]
)
def test_identity_is_who_calls(wanted: tuple[str, ...], limited: set[str]) -> None:
    for who in ("alice", "bob", ""):
        site = Site(rule(limit=ONE, identity=wanted))
        assert (site.codes(2, REMOTE_USER=who)[1] == 429) == (who in limited)


def test_conditional_exemption_ends_the_matching_for_those_it_meets() -> None:
    site = Site(rule("first", "2 per hour"), rule("staff", "", identity=("alice",), exempt=True), rule("last", ONE))
    assert site.codes(3, REMOTE_USER="alice", ip="192.0.2.1") == [200, 200, 429]
    assert site.codes(2, REMOTE_USER="bob", ip="192.0.2.2") == [200, 429]


def test_allowed_network_is_never_limited_and_denied_one_always_refused() -> None:
    site = Site(rule(limit=ONE), allow=LAN, deny=(ip_network("10.6.6.0/24"),))
    assert site.codes(3, ip="10.1.2.3") == [200] * 3
    assert site.codes(2, ip="10.6.6.6") == [403, 403]
    assert site.decisions() == [("deny", "deny")]
    assert site.codes(2, ip="192.0.2.1") == [200, 429]


def test_deny_list_that_sees_no_address_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(rule(limit="9 per hour"), deny=(ip_network("192.0.2.0/24"),))
    assert [site.send(ip=ip).code for ip in ("", "192.0.2.1", "", "203.0.113.1")] == [200, 403, 200, 200]
    assert [line for line in caplog.messages if "rate_limit.deny refuses nobody" in line] == [caplog.messages[0]]


def test_shared_address_is_not_on_the_allow_list() -> None:
    site = Site(rule(limit=ONE), allow=LAN, guard=UNSTATED)
    assert site.codes(2, ip="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4") == [200, 429]


def test_own_paths_are_answered_to_denied_networks() -> None:
    site = Site(rule(limit=ONE), deny=LAN, own_paths=frozenset({"/livez"}))
    assert site.codes(2, "/livez", ip="10.0.0.1") == [200, 200]


def test_override_is_for_its_key_alone() -> None:
    overrides = (
        OverrideSection(("alice",), (Limit(3, 3600),)),
        OverrideSection(("root",), (), exempt=True),
    )
    site = Site(rule(limit=ONE, key=("user",), overrides=overrides))
    assert site.codes(4, REMOTE_USER="alice") == [200, 200, 200, 429]
    assert site.codes(4, REMOTE_USER="root") == [200] * 4
    assert site.codes(2, REMOTE_USER="bob") == [200, 429]
    # Who is not known is counted by address, whatever name an override has.
    assert site.codes(2, ip="192.0.2.7") == [200, 429]


def test_override_of_a_network_counts_for_all_its_addresses() -> None:
    site = Site(rule(limit=ONE, overrides=(OverrideSection(("2001:db8::1",), (Limit(3, 3600),)),)))
    assert [site.send(ip=f"2001:db8::{n}").code for n in range(1, 5)] == [200, 200, 200, 429]


def test_two_overrides_for_one_network_are_refused() -> None:
    overrides = tuple(OverrideSection((f"2001:db8::{n}",), (Limit(n, 3600),)) for n in (1, 2))
    with pytest.raises(ConfigurationError, match="two overrides for one key: '2001:db8::2' is counted as another one"):
        Site(rule(limit=ONE, overrides=overrides))


def test_override_that_is_wrong_is_named() -> None:
    overrides = (OverrideSection(("192.0.2.1",), (Limit(3, 3600),)), OverrideSection(("alice",), (), exempt=True))
    with pytest.raises(ConfigurationError, match="'all': override 2: expected an address for ip"):
        Site(rule(limit=ONE, overrides=overrides))


def test_plans_give_other_limits_of_the_same_counter() -> None:
    site = Site(rule(limit=ONE, limit_by="tests.ratelimit.targets:plan"))
    assert site.codes(2) == [200, 429]
    assert site.codes(5, HTTP_PLAN="pro") == [200, 200, 200, 200, 429]
    assert site.codes(1) == [429]


def test_plan_may_have_several_limits() -> None:
    site = Site(rule(limit=ONE, limit_by="tests.ratelimit.targets:plan"))
    head = site.send(HTTP_PLAN="list")
    assert dict(head.headers)["RateLimit-Policy"] == '"all:3600s";q=6;w=3600, "all:86400s";q=7;w=86400'


def test_plan_that_makes_no_sense_is_an_error_that_names_the_rule() -> None:
    site = Site(rule(limit=ONE, limit_by="tests.ratelimit.targets:plan"))
    with pytest.raises(ValueError, match="limit_by of rate limit rule 'all' returned what is no limit"):
        site.send(HTTP_PLAN="odd")


def test_cost_is_what_the_function_says() -> None:
    site = Site(rule(limit="10 per hour", cost="tests.ratelimit.targets:cost"))
    assert [site.send(HTTP_COST=cost).code for cost in ("4", "4", "4", "0", "2", "1", "0")] == [
        200, 200, 429, 200, 200, 429, 200,
    ]  # fmt: skip
    for nonsense in ("-1", "many", "1000000001"):
        with pytest.raises(ValueError, match="cost function of rate limit rule 'all' must return 0 to 1000000000"):
            site.send(HTTP_COST=nonsense)


def test_dear_request_does_not_shut_out_a_cheap_one() -> None:
    site = Site(rule(limit="10 per hour", cost="tests.ratelimit.targets:cost"))
    codes = [site.send(HTTP_COST=cost).code for cost in ("8", "5", "5", "5", "2", "1")]
    assert codes == [200, 429, 429, 429, 200, 429]


def test_rule_behind_one_that_exempts_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'last': can never match, for 'free' before it exempts every request"):
        Site(rule("free", "", exempt=True), rule("last", ONE))


BEHIND = [
    (("/a/{rest+}",), (), ("/a/{rest+}",), (), True),
    (("/a/{rest+}",), (), ("/a/b", "/a/{x}/c"), ("POST",), True),
    (("/a/{x}",), ("POST", "GET"), ("/a/b", "/a/{y}"), ("POST",), True),
    (("/a/b", "/c"), (), ("/c", "/a/b"), (), True),
    (("/a/{rest+}",), (), ("/a/b", "/c"), (), False),
    (("/a/{rest+}",), ("POST",), ("/a/b",), (), False),
    (("/a/{rest+}",), (), ("/a",), (), False),
    (("/a/{x}",), (), ("/a/{rest+}",), (), False),
    (("/a/b",), (), ("/a/{x}",), (), False),
    (("/a/b",), (), (), (), False),
    (("/a/b",), (), None, (), False),
]


def test_cases_of_exempt_paths_are_whole() -> None:
    assert len(BEHIND) == 11


@pytest.mark.parametrize(("wide", "some", "path", "methods", "shut"), BEHIND)
def test_rule_behind_exempt_paths_is_told(
    wide: tuple[str, ...], some: tuple[str, ...], path: tuple[str, ...] | None, methods: tuple[str, ...], shut: bool
) -> None:
    site = Site(rule("free", "", exempt=True, path=wide, methods=some), rule("last", ONE, path=path, methods=methods))
    note = "rate limit rule 'last' can never match: 'free' before it exempts all that it matches"
    assert site.layer.rules.notes == [note] * shut


LOW = [
    (None, (), None, ("GET",), True),
    (("/a/{rest+}",), (), ("/a/b", "/a/c"), (), True),
    (("/a/b",), ("GET", "POST"), ("/a/b",), ("GET",), True),
    (("/a/b",), ("GET",), ("/a/b",), (), False),
    (("/a/b",), (), ("/a/{x}",), (), False),
    (("/a/b",), (), None, (), False),
]


def test_cases_of_low_exemptions_are_whole() -> None:
    assert len(LOW) == 6


@pytest.mark.parametrize(("path", "methods", "freed", "some", "told"), LOW)
def test_exemption_below_a_limit_is_told(
    path: tuple[str, ...] | None, methods: tuple[str, ...], freed: tuple[str, ...] | None, some: tuple[str, ...],
    told: bool,
) -> None:  # fmt: skip
    site = Site(rule("all", ONE, path=path, methods=methods), rule("free", "", exempt=True, path=freed, methods=some))
    note = "rate limit rule 'free' frees nothing from 'all', which stands above it"
    assert site.layer.rules.notes == [note] * told


def test_exempt_paths_may_leave_builtin_rules_idle() -> None:
    free = rule("free", "", exempt=True, path=("/admin", "/admin/{rest+}", "/api/{rest+}"))
    assert not Site(free, builtin_rules="enforce").layer.rules.notes


def test_rule_for_own_paths_alone_is_told(caplog: pytest.LogCaptureFixture) -> None:
    own = rule("probes", ONE, path=("/livez", "/readyz")), rule("both", ONE, path=("/livez", "/x"))
    Site(*own, own_paths=frozenset({"/livez", "/readyz"})).layer.start()
    told = [line for line in caplog.messages if "never limits anybody" in line]
    assert told == [
        "rate limit rule 'probes' never limits anybody: the guard answers its paths itself, unlimited",
    ]


def test_rule_whose_networks_are_on_a_list_is_told() -> None:
    written = rule("near", ONE, network=(ip_network("10.1.0.0/16"), ip_network("2001:db8::/48")))
    site = Site(written, allow=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
    assert "rate limit rule 'near' never limits anybody: its networks are on rate_limit.allow" in site.layer.rules.notes
    half = Site(written, allow=(ip_network("10.0.0.0/8"),))
    assert not half.layer.rules.notes


def test_cost_above_every_limit_is_told() -> None:
    site = Site(rule(limit="10 per hour", cost=11))
    assert any("its cost is above its limit" in note for note in site.layer.rules.notes)


def test_method_that_is_misspelt_is_told() -> None:
    site = Site(rule(methods=("PSOT", "POST", "PURGE", "REPORT", "BREW", "GETT")))
    assert site.layer.rules.notes == [
        "rate limit rule 'all': there is no HTTP method 'PSOT', nearest is 'POST'",
        "rate limit rule 'all': there is no HTTP method 'GETT', nearest is 'GET'",
    ]


def test_cost_of_nothing_is_told() -> None:
    site = Site(rule(cost=0))
    assert any("its cost is 0" in note for note in site.layer.rules.notes)
