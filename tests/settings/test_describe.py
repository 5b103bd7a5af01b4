"""The schema, the table and the text say what `load` does."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.settings.test_problems import ONE
from tests.settings.trees import small_tables
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import as_text, load
from wsgi_guard.settings.describe import json_schema, markdown_table
from wsgi_guard.settings.known import KNOWN
from wsgi_guard.settings.read import keys_of
from wsgi_guard.settings.sections import Settings

VALIDATOR = Draft202012Validator(json_schema())

WHOLE: dict[str, Any] = {
    "guard": {
        "defaults": "enforce", "trusted_proxies": ["10.0.0.0/8", "unix"], "identity": "shop.auth:who", "drain": 10,
        "forwarded_header": "forwarded", "layers": ["rate_limit", "validation", "health"], "on_layer_error": "allow",
        "drain_file": "/run/drain",
    },
    "rate_limit": {
        "store": "memory", "store_timeout": "50 ms", "on_store_failure": "deny", "headers": "both",
        "builtin_rules": "off", "ipv6_prefix": 56, "max_keys": 1000, "ahead": 20,
        "rules": [
            {"name": "login", "path": ["/login", "/auth/{rest+}"], "methods": ["POST"], "limit": "9/5m", "ahead": 5},
            {"name": "all", "limit": ["1000 per hour", "0/s"], "key": ["user", "header:x-key"], "mode": "shadow"},
            {"name": "inside", "path": "/internal/{rest+}", "exempt": True},
            {"name": "by-hand", "path": [], "limit": "1/s", "on_store_failure": "allow"},
        ],
    },
    "validation": {
        "schemas": "/srv/schemas", "max_body": "2 MiB", "max_depth": 10, "max_members": 99,
        "threats": {
            "mode": "block", "scan": 1000, "beyond": "refuse", "classes": ["sqli"],
            "exclude": [{"path": "/posts", "part": "body", "pointer": "/text", "classes": ["xss"]}, {"path": "/x"}],
        },
    },
    "health": {
        "interval": 10, "livez": "", "readyz": "/ready", "health": "/status",
        "checks": {
            "orders-api": {"type": "http", "url": "http://orders/livez", "needs": ["db"], "tier": "ready"},
            "db": {"type": "postgres", "pool": "main", "timeout": 2, "interval": 60},
            "data": {"type": "disk", "path": "/srv", "warn": ["free_percent < 20"], "fail": "free_percent < 1.5"},
            "leaf": {"type": "certificate", "path": "/srv/leaf.pem", "failures": 3, "passes": 1},
        },
    },
    "pools": {"main": {"url": "postgres://h/d", "min_size": 5, "max_size": 20, "max_waiting": 10, "max_idle": "1 h"}},
    "capture": {
        "on_error": "raise", "sentry_dsn": "https://key@h/1", "redact": ["x-session"], "release": "1.2", "locals": True,
        "exits": "errors", "disconnects": "report", "categorize": "shop.errors:category",
        "categories": {"payment": {"types": ["shop.PaymentError"], "sqlstates": ["23"], "errnos": ["EIO"]}},
    },
    "alerts": {
        "channels": ["slack", "webhook"], "deliver": "first", "error_rate": 0.2, "cooldown": "10 minutes",
        "slack": {"url": "https://hooks.example/1"}, "webhook": {"url": "https://h/1", "secret": "0123456789abcdef"},
        "routes": [{"severity": "CRITICAL", "channels": ["slack"]}],
        "rules": [{"name": "pay", "path": "/pay", "ratio": 0.5, "window": "5 minutes"}, {"name": "n", "count": 3}],
    },
    "admin": {"token": "0123456789abcdef", "allow": ["10.1.0.0/16"]},
}  # fmt: skip


def test_the_shipped_schema_is_generated() -> None:
    """`python -m wsgi_guard.settings.schema` prints what must stand in the file."""
    shipped = files("wsgi_guard.settings").joinpath("settings.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == json_schema()
    assert shipped == json.dumps(json_schema(), indent=1) + "\n"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_schema_takes_a_whole_file() -> None:
    assert VALIDATOR.is_valid(WHOLE)
    assert VALIDATOR.is_valid({**WHOLE, "env": {"live": WHOLE, "dev": {"pools": {"main": {"max_size": 2}}}}})
    assert not VALIDATOR.is_valid({"env": {"live": {"env": {}}}})
    assert not VALIDATOR.is_valid({"env": {"live": {"guard": {"sotre": 1}}}})


def test_the_schema_finds_most_mistakes() -> None:
    # Left out: a number that the validator itself cannot show.
    found = [sentence for tree, sentence in ONE if "too long" not in sentence and not VALIDATOR.is_valid(tree)]
    # The others are relations between keys, URLs, and texts with a grammar of their own.
    assert len(found) >= 88


@settings(max_examples=300, deadline=None)
@given(small_tables())
def test_the_schema_is_never_stricter_than_load(tree: dict[str, Any]) -> None:
    try:
        load(tree, environ={})
    except ConfigurationError:
        return
    assert VALIDATOR.is_valid(tree)


def test_defaults_of_the_schema_are_valid() -> None:
    checked = 0
    for table in json_schema()["$defs"].values():
        for described in table["properties"].values():
            if "default" in described:
                Draft202012Validator(described).validate(described["default"])
                checked += 1
    assert checked > 40


def test_every_key_has_a_meaning_and_a_row() -> None:
    rows = markdown_table().splitlines()
    assert rows[0] == "| key | default | meaning | known variables |"
    assert len(rows) > 75
    for row in rows[2:]:
        key, _, meaning, _ = row.replace(r"\|", "").strip("|").split("|")
        assert key.strip().startswith("`") and len(meaning) > 10
    assert "| `rate_limit.store` | `auto` | " in markdown_table()
    assert "| main: `DATABASE_URL`, `DB_HOST`" in markdown_table()
    assert all(f"`{name}`" in markdown_table() for names in KNOWN.values() for name in names)


def test_text_of_the_settings_reads_back() -> None:
    first = load(WHOLE, environ={})
    tree = tomllib.loads(as_text(first))
    for table, name in (("capture", "sentry_dsn"), ("admin", "token"), ("rate_limit", "store")):
        assert tree[table][name] in ("***", "memory")
        tree[table][name] = WHOLE[table][name]
    for name in ("slack", "webhook"):
        tree["alerts"][name] = WHOLE["alerts"][name]
    tree["pools"]["main"]["url"] = "postgresql://h/d"
    tree["health"]["checks"]["orders-api"]["url"] = "http://orders/livez"
    # What only another type of check reads is written as its default, and may not be given.
    for name, unread in (("orders-api", "pool"), ("data", "pool"), ("leaf", "pool")):
        for key in unread.split():
            del tree["health"]["checks"][name][key]
    second = load(tree, environ={})
    for name in keys_of(Settings):
        assert getattr(second, name) == getattr(first, name), name


def test_text_names_sources_and_notes() -> None:
    environ = {"REDIS_URL": "redis://h", "DB_TYPE": "mysql", "WSGI_GUARD_HEALTH__INTERVAL": "7"}
    lines = as_text(load({"guard": {"drain": 3}}, environ=environ)).splitlines()
    assert lines[0] == "# read: variable REDIS_URL, variable WSGI_GUARD_HEALTH__INTERVAL, argument"
    assert lines[1] == "# note: DB_TYPE is not Postgres: no pool is made of the database variables"
    assert 'store = "redis://h"  # variable REDIS_URL' in lines
    assert "interval = 7  # variable WSGI_GUARD_HEALTH__INTERVAL" in lines
    assert "drain = 3  # argument" in lines
    assert "store_timeout = 0.1  # default" in lines
    assert "# identity is not set" in lines
    assert as_text(load(environ={})).startswith("# read: nothing, all is default\n")


STORES = {
    "auto": "auto",
    "memory": "memory",
    "shared": "shared",
    "shared:/run/shop/limits": "shared:/run/shop/limits",
    "redis://:hunter2@host:6379/1": "redis://***@host:6379/1",
    "redis://app:hun@ter/2?x@host/1": "redis://***@host/1",
    "rediss://host/0?password=hunter2&ssl_cert_reqs=none": "rediss://host/0?password=***&ssl_cert_reqs=***",
    "unix:///run/redis.sock?db=1": "unix:///run/redis.sock?db=***",
}


@pytest.mark.parametrize("written", STORES)
def test_text_shows_a_store_without_its_password(written: str) -> None:
    lines = as_text(load({"rate_limit": {"store": written}}, environ={})).splitlines()
    assert f'store = "{STORES[written]}"  # argument' in lines


@pytest.mark.parametrize("section", [Settings, *(about.metadata["section"] for about in keys_of(Settings).values())])
def test_sections_are_frozen(section: type) -> None:
    made: Any = section()
    with pytest.raises(AttributeError):
        setattr(made, next(iter(keys_of(section))), 1)
