"""By whom a rule counts."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ratelimit.support import Site, rule
from wsgi_guard.ratelimit.keys import LONGEST, Keys, short
from wsgi_guard.settings.sections import GuardSection


def _key(*parts: str, ipv6_prefix: int = 64, path: str = "/", identity: Any = None, **environ: Any) -> str:
    site = Site(identity=lambda _: identity)
    return Keys(ipv6_prefix).keyer(parts, None)(site.begin(path, **environ))


ADDRESSES = [
    ("203.0.113.9", 64, "203.0.113.9"),
    ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"),
    ("2001:db8:1:2::", 64, "2001:db8:1:2::"),
    ("2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::"),
    ("2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"),
    ("::ffff:203.0.113.9", 64, "203.0.113.9"),
    ("::FFFF:203.0.113.9", 64, "203.0.113.9"),
    ("fe80::1%eth0", 64, "fe80::"),
    ("[2001:db8::1]:4711", 64, "2001:db8::"),
    ("", 64, "unknown"),
    ("nonsense", 64, "unknown"),
    ("1.2.3.4.5", 64, "unknown"),
]


@pytest.mark.parametrize(("ip", "prefix", "key"), ADDRESSES)
def test_address_stands_for_its_client(ip: str, prefix: int, key: str) -> None:
    assert _key("ip", ipv6_prefix=prefix, ip=ip) == key


def test_address_table_is_whole() -> None:
    assert len(ADDRESSES) == 12


def test_user_without_identity_is_an_address() -> None:
    assert _key("user", identity="alice") == "user:alice"
    assert _key("user", identity=7) == "user:7"
    assert _key("user") == "203.0.113.9"
    assert _key("user", REMOTE_USER="bob") == "user:bob"
    assert _key("user", identity="203.0.113.9") != "203.0.113.9"


def test_absent_header_frees_nobody() -> None:
    assert _key("header:x-api-key", HTTP_X_API_KEY="k") == "header:k"
    assert _key("header:content-type", CONTENT_TYPE="text/plain") == "header:text/plain"
    assert _key("header:x-api-key") == "203.0.113.9"
    assert _key("header:x-api-key", HTTP_X_API_KEY="") == "203.0.113.9"


def test_endpoint_is_template_or_canonical_path() -> None:
    assert _key("endpoint", path="//a/./b/") == "endpoint:/a/b"
    site = Site(rule("orders", path=("/orders/{id}", "/{rest+}"), key=("endpoint",)))
    assert site.codes(3, "/orders/1") == [200] * 3
    assert site.codes(1, "/orders/2") == [429]
    assert site.codes(1, "/other") == [200]


def test_joined_keys_cannot_be_forged() -> None:
    made = {
        _key("header:x-a", "header:x-b", HTTP_X_A=a, HTTP_X_B=b)
        for a, b in [("1", "2:3"), ("1:2", "3"), ("1", "23"), ("12", "3"), ("1\0", "2"), ("1", "\x002")]
    }
    assert len(made) == 6


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_texts_are_different_keys(one: str, other: str) -> None:
    assert (short("user", one) == short("user", other)) == (one == other)
    assert len(short("user", one)) <= LONGEST + len("user:")


def test_long_text_does_not_pass_for_its_hash() -> None:
    long = short("header", "x" * 8192)
    assert len(long) < 80
    assert short("header", long.removeprefix("header#")) != long


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("shop_keys")
    monkeypatch.setitem(sys.modules, "shop_keys", module)
    return module


@pytest.mark.parametrize(
    ("value", "key"), [("plan-7", "function:plan-7"), (7, "function:7"), (0, "function:0"), (None, "203.0.113.9"),
                       ("", "203.0.113.9")],
)  # fmt: skip
def test_function_of_the_app_makes_a_key(functions: ModuleType, value: object, key: str) -> None:
    functions.who = lambda environ: value  # type: ignore[attr-defined]
    assert _key("shop_keys:who") == key


def test_failing_function_is_an_error_of_the_layer(functions: ModuleType) -> None:
    functions.who = lambda environ: environ["no such key"]  # type: ignore[attr-defined]
    site = Site(rule(key=("shop_keys:who",)))
    with pytest.raises(KeyError):
        site.send()


def test_proxied_clients_are_told_apart() -> None:
    guard = GuardSection(trusted_proxies=("unix",))
    site = Site(rule(limit="1 per hour"), guard=guard)
    assert site.codes(2, ip="", HTTP_X_FORWARDED_FOR="203.0.113.1") == [200, 429]
    assert site.codes(2, ip="", HTTP_X_FORWARDED_FOR="203.0.113.2") == [200, 429]
    assert site.codes(2, ip="", HTTP_X_FORWARDED_FOR="nonsense") == [200, 429]
