"""Every way to be wrong: what is said, and that all of it is said at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.settings.asking import table, told

RULE: dict[str, Any] = {"name": "one", "limit": "10 per minute"}


def rules(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"rate_limit": {"rules": [{**RULE, **change} for change in changes]}}


def checks(**tables: dict[str, Any]) -> dict[str, Any]:
    return {"health": {"checks": tables}}


# Settings as a dict, and the one problem they have.
ONE: list[tuple[dict[str, Any], str]] = [
    # keys and tables
    ({"rate_limt": {}}, "argument rate_limt: unknown key, nearest is 'rate_limit'"),
    ({"rate-limit": {}}, "argument rate-limit: unknown key, nearest is 'rate_limit'"),
    ({"rate_limit": {"sotre": "memory"}}, "argument rate_limit.sotre: unknown key, nearest is 'store'"),
    ({"folder": "."}, "argument folder: unknown key"),
    ({"origins": {}}, "argument origins: unknown key"),
    ({"guard": {"qqq": 1}}, "argument guard.qqq: unknown key, known are 'defaults', 'drain', 'drain_file'"),
    ({1: 2}, "argument 1: unknown key"),  # type: ignore[dict-item]
    ({"a\nb": 2}, "argument 'a\\nb': unknown key"),
    ({"guard": 5}, "argument guard: expected a table, not an integer"),
    ({"env": 5}, "argument env: expected tables [env.<name>], not an integer"),
    ({"env": {"x": 5}}, "argument env.x: expected a table, not an integer"),
    ({"env": {"x": {"guard": {"drain": "x"}}}}, "argument env.x guard.drain: expected a time"),
    ({"pools": "postgresql://u:p@h/d"}, "argument pools: expected a table, not a string"),
    ({"pools": {"main": ["x"]}}, "argument pools.main: expected a table, not a list"),
    ({"pools": {"a.b": {"url": "postgresql://h"}}}, "argument pools.'a.b': expected a name of 1 to 64 letters"),
    ({"pools": {"": {"url": "postgresql://h"}}}, "argument pools.'': expected a name of 1 to 64 letters"),
    ({"rate_limit": {"rules": {"name": "x"}}}, "argument rate_limit.rules: expected an array of tables, not a table"),
    ({"rate_limit": {"rules": [5]}}, "argument rate_limit.rules #1: expected a table, not an integer"),
    # words
    (table("guard.defaults", "enforced"), "expected one of 'shadow', 'enforce', not 'enforced', nearest is 'enforce'"),
    (table("guard.defaults", True), "expected one of 'shadow', 'enforce', not True"),
    (table("guard.defaults", None), "expected one of 'shadow', 'enforce', not None"),
    (table("guard.layers", ["capture"]), "expected one of 'rate_limit', 'validation', 'health', not 'capture'"),
    (table("guard.layers", 5), "expected a string or a list of strings, not an integer"),
    (table("rate_limit.headers", "draft"), "expected one of 'ietf', 'legacy', 'both', 'none', not 'draft'"),
    (table("rate_limit.builtin_rules", ""), "expected one of 'shadow', 'enforce', 'off', not ''"),
    (table("validation.threats.classes", ["xs"]), "not 'xs', nearest is 'xss'"),
    (table("guard.forwarded_header", "x forwarded"), "expected a header name such as x-forwarded-for"),
    (table("guard.forwarded_header", ""), "expected a header name"),
    (table("guard.identity", "shop.auth"), "expected module:function, not 'shop.auth'"),
    (table("guard.identity", "shop auth:who"), "expected module:function, not 'shop auth:who'"),
    (table("guard.identity", ["a:b"]), "expected a string, not a list"),
    (table("guard.drain_file", "a\0b"), "expected a string without control characters"),
    (table("capture.redact", [1]), "expected a string, not an integer"),
    # networks
    (table("guard.trusted_proxies", ["10.0.0.0/33"]), "expected a network such as \"10.0.0.0/8\""),
    (table("guard.trusted_proxies", "10.0.0.0/8,::1"), "not '10.0.0.0/8,::1'"),
    (table("guard.trusted_proxies", [10]), "expected a network such as"),
    (table("guard.trusted_proxies", True), "expected a string or a list of strings, not a boolean"),
    # quantities
    (table("health.interval", "soon"), "expected a time such as 30 (seconds), \"500 ms\" or \"5 minutes\", not 'soon'"),
    (table("health.interval", 0), "expected 0.1 to 2678400 seconds, not 0"),
    (table("health.interval", -1), "expected 0.1 to 2678400 seconds, not -1"),
    (table("health.interval", float("nan")), "not nan"),
    (table("health.interval", float("inf")), "not inf"),
    (table("health.interval", 10**400), "expected 0.1 to 2678400 seconds, not 1000000"),
    (table("health.interval", 10**5000), "not a number too long to show"),
    (table("health.interval", True), "expected a time such as 30 (seconds)"),
    (table("health.interval", "1 month"), "not '1 month'"),
    (table("health.interval", "٣ s"), "expected a time"),
    (table("guard.drain", "2 hours"), "expected 0 to 3600 seconds, not 7200"),
    (table("rate_limit.store_timeout", 0), "expected 0.001 to 60 seconds, not 0"),
    (table("validation.max_body", "10M"), "expected a size such as 131072 (bytes) or \"128 KiB\", not '10M'"),
    (table("validation.max_body", "0.3 KiB"), "expected whole bytes, not '0.3 KiB'"),
    (table("validation.max_body", "2 GiB"), "expected 0 to 1073741824 bytes, not 2147483648"),
    (table("rate_limit.ipv6_prefix", 31), "expected 32 to 128, not 31"),
    (table("rate_limit.ipv6_prefix", 129), "expected 32 to 128, not 129"),
    (table("rate_limit.ipv6_prefix", 64.0), "expected an integer, not 64.0"),
    (table("rate_limit.ipv6_prefix", True), "expected an integer, not True"),
    (table("rate_limit.max_keys", 0), "expected 1 to 1000000000, not 0"),
    # rules
    ({"rate_limit": {"rules": [{"limit": "1/s"}]}}, "argument rate_limit.rules #1: name is missing"),
    (rules({"name": ""}), "rules #1.name: expected a name of 1 to 64 letters"),
    (rules({"name": "a b"}), "rules #1.name: expected a name of 1 to 64 letters"),
    (rules({}, {}), "argument rate_limit.rules #2.name: there is a rule 'one' already"),
    (rules({"name": "api_general"}), "'api_general' is the name of a built-in rule"),
    (rules({"name": "admin"}), "rules #1.name: 'admin' is the name of a built-in rule, choose another"),
    ({"rate_limit": {"rules": [{"name": "a"}]}}, "argument rate_limit.rules #1: limit is missing"),
    (rules({"exempt": True}), "rules #1.limit: a limit has no meaning beside exempt = true"),
    ({"rate_limit": {"rules": [{"name": "a", "exempt": True, "path": []}]}}, "exempt = true has no meaning beside"),
    (rules({"exempt": "yes"}), "expected true or false, not 'yes'"),
    (rules({"limit": "10"}), 'a limit without a time, such as "5 at once", needs algorithm = "concurrency"'),
    (rules({"limit": "10 a minute"}), 'expected a limit such as "10 per 5 minutes" or "10/5m", not \'10 a minute\''),
    (rules({"limit": True}), "expected a limit such as"),
    (rules({"limit": 5, "algorithm": "concurrency", "count": 401}), "a request in flight has no outcome yet"),
    (rules({"limit": "20000/h", "algorithm": "sliding-log"}), "expected a quantity of at most 10000, not 20000"),
    (rules({"burst": 5}), 'burst has a meaning only with algorithm = "token-bucket"'),
    (rules({"algorithm": "token-bucket", "burst": 10**9}), "more than 31 days to be full again"),
    (rules({"ahead": 20, "count": 401}), "ahead needs a sliding-window without count and block"),
    (rules({"ahead": 20, "block": "1 h"}), "ahead needs a sliding-window without count and block"),
    (rules({"ahead": 20, "algorithm": "token-bucket"}), "ahead needs a sliding-window without count and block"),
    (rules({"ahead": 20_000}), "expected 0 to 10000, not 20000"),
    (rules({"block_after": 3}), "block_after has no meaning without block"),
    (rules({"block": 0.5}), "expected a block of at least 1 second"),
    (rules({"block": "1 h", "mode": "shadow"}), "a rule in shadow denies nobody, so it cannot block"),
    (rules({"methods": ["OPTIONS"]}), "this rule can never match"),
    (rules({"count": []}), "expected at least one"),
    (rules({"count": [600]}), 'expected a status such as 401, a class such as "4xx", or "threat", not 600'),
    (rules({"cost": -1}), "expected 0 to 1000000000, not -1"),
    (rules({"cost": "five"}), "expected module:function, not 'five'"),
    (rules({"overrides": [{"key": "a"}]}), "override 1 needs either a limit or exempt = true"),
    (
        rules({"overrides": [{"key": "a", "exempt": True}, {"key": "a", "limit": "1/s"}]}),
        "there are two overrides for the key 'a'",
    ),
    ({"rate_limit": {"allow": ["10.0.0.0/8"], "deny": ["10.0.0.0/8"]}}, "10.0.0.0/8 is on both lists"),
    ({"rate_limit": {"deny": ["unix"]}}, "a client on a unix socket has no address to know it by"),
    (
        {"admin": {"token": "sixteen-and-more", "rate_limits": "/a"}, "health": {"livez": "/a/block"}},
        "'/a/block' is a path that health answers",
    ),
    (rules({"limit": "ten per minute"}), "not 'ten per minute'"),
    (rules({"limit": "-1 per minute"}), "not '-1 per minute'"),
    (rules({"limit": "10 per 0 seconds"}), "expected a window of whole seconds, 1 second to 31 days"),
    (rules({"limit": "10 per 500 ms"}), "expected a window of whole seconds"),
    (rules({"limit": "10 per 32 days"}), "expected a window of whole seconds, 1 second to 31 days"),
    (rules({"limit": "10 per 1.5 seconds"}), "expected a window of whole seconds"),
    (rules({"limit": "1000000001 per day"}), "expected 0 to 1000000000, not 1000000001"),
    (rules({"limit": "1/s; 2/s"}), "two limits of the same window"),
    (rules({"limit": ["1/s", 5.0]}), "expected a limit such as"),
    (rules({"limit": []}), "expected a limit such as"),
    (rules({"limit": ";"}), "expected a limit such as"),
    (rules({"limit": 10.5}), "or a list of them, not 10.5"),
    (rules({"key": "session"}), "api_key, endpoint, header:<name> or module:function, not 'session'"),
    (rules({"key": "header:"}), "not 'header:'"),
    (rules({"key": "header:a b"}), "not 'header:a b'"),
    (rules({"key": []}), "expected at least one"),
    (rules({"methods": []}), "expected at least one"),
    (rules({"identity": []}), "expected at least one"),
    (rules({"network": []}), "expected at least one"),
    (rules({"header": []}), "expected at least one"),
    (rules({"methods": ["GET POST"]}), "expected a method such as GET, not 'GET POST'"),
    (rules({"path": "login"}), 'expected a path template such as "/orders/{order_id}", not \'login\''),
    (rules({"path": ["/a", "b"]}), "not 'b'"),
    (rules({"path": "/a?b=1"}), "not '/a?b=1'"),
    (rules({"mode": "block"}), "expected one of 'enforce', 'shadow', not 'block'"),
    (rules({"algorithm": "sliding-logs"}), "nearest is 'sliding-log'"),
    # threats
    (table("validation.threats.exclude", [{}]), "argument validation.threats.exclude #1: path is missing"),
    (table("validation.threats.exclude", [{"path": "/a", "part": "cookie"}]), "exclude #1.part: expected one of"),
    (table("validation.threats.exclude", [{"path": "/a", "pointer": "text"}]), "expected a JSON pointer"),
    (table("validation.threats.exclude", [{"path": "/a", "classes": []}]), "expected at least one"),
    # stores and pools
    (table("rate_limit.store", "shard"), "shared:/path, or a URL that starts with redis://"),
    (table("rate_limit.store", "shared:limits"), "expected shared:/path with the absolute path of a file"),
    (table("rate_limit.store", ""), "expected auto, memory, shared"),
    (table("rate_limit.store", "redis://h:6379x/0"), "expected a port of 1 to 65535"),
    (table("rate_limit.store", 5), "expected a string, not an integer"),
    (table("pools.main.url", "mysql://h/d"), "expected a URL that starts with postgresql://"),
    (table("pools.main.url", "postgresql://u:p@h:0/d"), "expected a port of 1 to 65535"),
    (table("pools.main.url", "postgresql://u:p@h:99999/d"), "expected a port of 1 to 65535"),
    (table("pools.main.url", ""), "argument pools.main: url is missing"),
    (table("pools.main", {}), "argument pools.main: url is missing, and required"),
    (table("pools.main", {"url": "postgresql://h", "min_size": 20}), "pools.main.min_size: min_size is 20, more than"),
    (table("pools.main", {"url": "postgresql://h", "max_size": 0}), "expected 1 to 1000000000, not 0"),
    # capture and admin
    (table("capture.sentry_dsn", "sentry"), "argument capture.sentry_dsn: expected a DSN"),
    (table("capture.on_error", "ignore"), "expected one of 'answer', 'raise', not 'ignore'"),
    (table("admin.token", "fifteen-letters"), "argument admin.token: expected at least 16 characters"),
    (table("admin.token", "sixteen letters, umläute"), "admin.token: expected ASCII, no space at its ends"),
    (table("admin.token", "sixteen letters, a space "), "admin.token: expected ASCII, no space at its ends"),
    (table("admin.token", 1234567890123456), "argument admin.token: expected a string, not an integer"),
    (table("admin.allow", ["10.0.0.0/8"]), "argument admin.allow: needs guard.trusted_proxies to be stated"),
    # health
    (table("health.livez", "livez"), 'expected a path such as "/livez", not \'livez\''),
    (table("health.livez", "/"), 'expected a path such as "/livez", not \'/\''),
    (table("health.livez", "/a//b"), "expected a path such as"),
    (table("health.livez", "/a/../b"), "expected a path such as"),
    (table("health.livez", "/a?b"), "expected a path such as"),
    (table("health", {"livez": "/x", "readyz": "/x"}), "health.readyz: readyz and livez cannot both be at '/x'"),
    (table("health.health", "/readyz"), "argument health.health: health and readyz cannot both be at '/readyz'"),
    (table("health.livez", "/health/detailed"), "argument health.livez: '/health/detailed' is a path that health"),
    (checks(a={}), "argument health.checks.a: type is missing"),
    (checks(a={"type": "imap"}), "expected system, disk, postgres, redis, http, smtp, file, certificate or module:"),
    (checks(a={"type": "certificate"}), "a check of type 'certificate' needs a url that starts with https://, or tls://"),
    (checks(a={"type": "certificate", "url": "tls://h", "path": "/p"}), "from a url or a path, not from both"),
    (checks(a={"type": "smtp", "url": "http://h"}), "a check of type 'smtp' needs a url that starts with smtp://, or"),
    (checks(a={"type": "file"}), "a check of type 'file' needs a path"),
    (checks(a={"type": "disk", "warn": ["free < 5 %"]}), 'expected a measure and its bound such as "memory'),
    (checks(a={"type": "disk", "failures": 0}), "expected 1 to 1000, not 0"),
    (checks(a={"type": "http"}), "health.checks.a.type: a check of type 'http' needs a url"),
    (checks(a={"type": "http", "url": "ftp://h"}), "health.checks.a.url: a check of type 'http' needs a url"),
    (checks(a={"type": "http", "url": "http://[h"}), "health.checks.a.url: a check of type 'http' needs a url"),
    (checks(a={"type": "http", "url": "http:///x"}), "health.checks.a.url: a check of type 'http' needs a url"),
    (checks(a={"type": "http", "url": "http://h:x/"}), "health.checks.a.url: a check of type 'http' needs a url"),
    (checks(a={"type": "redis"}), "health.checks.a.type: a check of type 'redis' needs a url"),
    (checks(a={"type": "redis", "url": "http://h"}), "health.checks.a.url: expected a URL that starts with redis://"),
    (checks(a={"type": "postgres"}), "health.checks.a.type: there is no pool 'main'"),
    (checks(a={"type": "disk", "pool": "main"}), "health.checks.a.pool: a check of type 'disk' has no pool"),
    (checks(a={"type": "shop:check", "url": "http://h"}), "a check of type 'shop:check' has no url"),
    (checks(a={"type": "disk", "needs": ["sytem"]}), "there is no check 'sytem', nearest is 'system'"),
    (checks(a={"type": "disk", "needs": ["a"]}), "health.checks.a.needs: 'a' needs 'a', which is a circle"),
    (
        checks(a={"type": "disk", "needs": "b"}, b={"type": "disk", "needs": "c"}, c={"type": "disk", "needs": "a"}),
        "health.checks.a.needs: 'a' needs 'b' needs 'c' needs 'a', which is a circle",
    ),
    (checks(a={"type": "disk", "tier": "critical"}), "expected one of 'ready', 'info', not 'critical'"),
    (checks(a={"type": "disk", "timeout": 0}), "expected 0.001 to 2678400 seconds, not 0"),
    (checks(**{"a/b": {"type": "disk"}}), "argument health.checks.'a/b': expected a name"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "sentence"), ONE, ids=[sentence[-50:] for _, sentence in ONE])
def test_one_mistake_is_one_problem(settings: dict[str, Any], sentence: str) -> None:
    (problem,) = told(settings)
    assert problem.startswith("argument ")
    assert sentence in problem


def test_no_case_got_lost() -> None:
    assert len(ONE) == 172


def test_all_problems_come_at_once() -> None:
    problems = told({name: change for settings, _ in ONE[:3] for name, change in settings.items()})
    assert len(problems) == 3
    several = {
        "rate_limit": {"sotre": "x", "headers": "all", "rules": [RULE, RULE, {"name": "admin"}]},
        "guard": {"trusted_proxies": ["a", "b"]},
        "pools": {"main": {"min_size": 5, "max_size": "x"}, "two": {"url": "postgresql://h", "min_size": 50}},
        "health": {"livez": "/x", "readyz": "/x", "checks": {"a": {"type": "http"}}},
        "admin": {"token": "short"},
    }
    problems = told(several, environ={"WSGI_GUARD_CAPTURE__ON_ERROR": "explode"})
    assert len(problems) == 14
    assert sum("trusted_proxies" in problem for problem in problems) == 2


def test_what_follows_from_a_mistake_is_not_told() -> None:
    """max_size has its default while its value is wrong, so min_size would look too large."""
    (problem,) = told({"pools": {"main": {"url": "postgresql://h", "min_size": 20, "max_size": "thirty"}}})
    assert problem == "argument pools.main.max_size: expected an integer, not 'thirty'"


def test_message_counts_and_lists_problems() -> None:
    from wsgi_guard.errors import ConfigurationError
    from wsgi_guard.settings import load

    with pytest.raises(ConfigurationError) as raised:
        load({"a": 1, "b": 2}, environ={})
    lines = str(raised.value).split("\n")
    assert lines[0] == "wsgi_guard cannot start, 2 problem(s) in its settings:"
    assert [line[:15] for line in lines[1:]] == ["  - argument a:", "  - argument b:"]


def test_a_long_value_is_cut() -> None:
    (problem,) = told({"guard": {"defaults": "x" * 10_000}})
    assert len(problem) < 200


def test_good_check_names_are_known() -> None:
    from wsgi_guard.settings import load

    needs = ["system", "disk", "redis", "postgres", "postgres-training"]
    settings = load(
        {
            "rate_limit": {"store": "redis://h"},
            "pools": {"main": {"url": "postgresql://h"}, "training": {"url": "postgresql://h"}},
            "health": {"checks": {"all": {"type": "http", "url": "http://h/", "needs": needs}}},
        },
        environ={},
    )
    assert settings.health.checks["all"].needs == tuple(needs)


@pytest.mark.parametrize("only", [[], ["health"], ["rate_limit"], ["validation"]])
def test_shared_file_serves_any_choice_of_layers(only: list[str]) -> None:
    from wsgi_guard.settings import load

    shared = {
        "rate_limit": {"store": "redis://h", "rules": [RULE]},
        "validation": {"max_body": "2 MiB"},
        **checks(a={"type": "redis"}, b={"type": "disk", "needs": ["redis", "a"]}),
    }
    assert load(shared, environ={}, only=only).guard.layers == tuple(only)
