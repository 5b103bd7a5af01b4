"""Who may read details: a table of tokens, one of addresses; and how often a token may be guessed."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.health.asking import BEARER, TOKEN, WITH_TOKEN, facts_of, networks
from wsgi_guard.admin import Admin, bearer
from wsgi_guard.errors import Refused
from wsgi_guard.guesses import CLIENTS, Guesses
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import AdminSection

TOKENS: list[tuple[str | None, bool]] = [
    (f"Bearer {TOKEN}", True),
    (f"bearer {TOKEN}", True),
    (f"BEARER   {TOKEN} ", True),
    (None, False),
    ("", False),
    ("Bearer", False),
    ("Bearer ", False),
    (TOKEN, False),
    (f"Basic {TOKEN}", False),
    (f"Bearer{TOKEN}", False),
    (f"Bearer {TOKEN}x", False),
    (f"Bearer {TOKEN[:-1]}", False),
    (f"Bearer {TOKEN.upper()}", False),
    (f"Bearer {TOKEN}, Bearer {TOKEN}", False),
    ("Bearer \xff\xfe", False),
    ("Bearer \u2603", False),
]


def test_tokens_table_is_whole() -> None:
    assert len(TOKENS) == 16


@pytest.mark.parametrize(("header", "enters"), TOKENS)
def test_only_the_token_enters(header: str | None, enters: bool) -> None:
    facts = facts_of("/health/detailed", HTTP_AUTHORIZATION=header)
    assert Admin(WITH_TOKEN).may_read(facts) is enters


def test_token_beyond_ascii_is_compared_as_sent() -> None:
    admin = Admin(AdminSection(token=Secret("schlüssel-zum-haus")))
    on_the_wire = "schlüssel-zum-haus".encode().decode("latin-1")
    assert admin.may_read(facts_of("/", HTTP_AUTHORIZATION=f"Bearer {on_the_wire}"))
    assert not admin.may_read(facts_of("/", HTTP_AUTHORIZATION="Bearer schlüssel-zum-haus"))


@given(st.text())
def test_no_other_header_enters(header: str) -> None:
    facts = facts_of("/", HTTP_AUTHORIZATION=header)
    token = bearer(facts.environ)
    assert Admin(WITH_TOKEN).may_read(facts) is (token == TOKEN.encode())


ADDRESSES: list[tuple[tuple[str, ...], tuple[str, ...] | None, str, str | None, bool]] = [
    # admin.allow, trusted_proxies, peer, x-forwarded-for, enters
    (("10.0.0.0/8",), (), "10.1.2.3", None, True),
    (("10.1.2.3",), (), "10.1.2.3", None, True),
    (("10.0.0.0/8",), (), "11.1.2.3", None, False),
    (("192.168.0.0/16", "10.0.0.0/8"), (), "10.1.2.3", None, True),
    (("2001:db8::/32",), (), "2001:db8::7", None, True),
    (("2001:db8::/32",), (), "10.1.2.3", None, False),
    (("10.0.0.0/8",), (), "::ffff:10.1.2.3", None, True),
    # a forwarding header counts from a trusted proxy only
    (("10.0.0.0/8",), (), "192.0.2.1", "10.1.2.3", False),
    (("10.0.0.0/8",), ("192.0.2.1",), "192.0.2.1", "10.1.2.3", True),
    (("10.0.0.0/8",), ("192.0.2.1",), "192.0.2.1", "10.1.2.3, 203.0.113.9", False),
    (("127.0.0.1",), ("127.0.0.1",), "127.0.0.1", "203.0.113.9", False),
    (("127.0.0.1",), ("127.0.0.1",), "127.0.0.1", "garbage", False),
    # behind a proxy nobody told of, an address is nobody's
    (("127.0.0.1",), None, "127.0.0.1", "203.0.113.9", False),
    (("127.0.0.1",), None, "127.0.0.1", None, True),
    # a unix socket has no address
    (("unix",), (), "", None, True),
    (("unix",), (), "unix:", None, True),
    (("unix",), (), "localhost", None, True),
    (("10.0.0.0/8",), (), "", None, False),
    (("unix",), ("unix",), "", "203.0.113.9", False),
    (("unix",), ("unix",), "", "garbage", False),
    (("unix",), (), "", "203.0.113.9", False),
    (("unix",), (), "garbage", None, False),
    (("unix",), (), "10.1.2.3", None, False),
]


def test_addresses_table_is_whole() -> None:
    assert len(ADDRESSES) == 23


@pytest.mark.parametrize(("allowed", "trusted", "peer", "forwarded", "enters"), ADDRESSES)
def test_only_allowed_addresses_enter(
    allowed: tuple[str, ...], trusted: tuple[str, ...] | None, peer: str, forwarded: str | None, enters: bool
) -> None:
    facts = facts_of("/", trusted=trusted, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert Admin(AdminSection(allow=networks(*allowed))).may_read(facts) is enters


def test_token_enters_from_anywhere() -> None:
    admin = Admin(AdminSection(token=Secret(TOKEN), allow=networks("10.0.0.0/8")))
    assert admin.may_read(facts_of("/", **BEARER))
    assert admin.may_read(facts_of("/", REMOTE_ADDR="10.1.2.3"))
    assert not admin.may_read(facts_of("/"))


def test_nobody_is_admin_without_settings() -> None:
    admin = Admin(AdminSection())
    assert not admin.configured
    for keys in ({}, BEARER, {"HTTP_AUTHORIZATION": "Bearer "}, {"REMOTE_ADDR": ""}, {"REMOTE_ADDR": "127.0.0.1"}):
        environ: dict[str, Any] = dict(keys)
        assert not admin.may_read(facts_of("/", **environ))


def test_challenge_says_what_was_wrong() -> None:
    admin = Admin(WITH_TOKEN)
    assert admin.challenge(facts_of("/")) == 'Bearer realm="admin"'
    assert admin.challenge(facts_of("/", HTTP_AUTHORIZATION="Basic x")) == 'Bearer realm="admin"'
    wrong = facts_of("/", HTTP_AUTHORIZATION="Bearer x")
    assert admin.challenge(wrong) == 'Bearer realm="admin", error="invalid_token"'


def guess(admin: Admin, address: str, count: int, **keys: Any) -> list[int]:
    """The statuses of so many wrong tokens."""
    found = []
    for _ in range(count):
        try:
            assert not admin.may_read(facts_of("/", REMOTE_ADDR=address, HTTP_AUTHORIZATION="Bearer wrong", **keys))
            found.append(401)
        except Refused as refused:
            found.append(refused.status)
    return found


def test_guesses_end_for_one_client_alone() -> None:
    admin = Admin(WITH_TOKEN)
    assert guess(admin, "203.0.113.9", 30) == [401] * 20 + [429] * 10
    with pytest.raises(Refused) as caught:
        admin.may_read(facts_of("/", REMOTE_ADDR="203.0.113.9", **BEARER))
    ((name, value),) = caught.value.headers
    assert (name, 0 < int(value) <= 60) == ("Retry-After", True)
    with pytest.raises(Refused):
        admin.may_change(facts_of("/", REMOTE_ADDR="203.0.113.9", **BEARER))
    assert admin.may_read(facts_of("/", REMOTE_ADDR="203.0.113.8", **BEARER))
    # Without a token nothing is guessed.
    assert not admin.may_read(facts_of("/", REMOTE_ADDR="203.0.113.9"))


def test_one_network_of_ipv6_is_one_client() -> None:
    admin = Admin(WITH_TOKEN)
    found = [guess(admin, f"2001:db8::{at:x}", 1)[0] for at in range(1, 31)]
    assert found == [401] * 20 + [429] * 10
    assert guess(admin, "2001:db8:0:1::1", 1) == [401]


def test_client_behind_an_unknown_proxy_shuts_nobody_out() -> None:
    admin = Admin(WITH_TOKEN)
    shared: dict[str, Any] = {"trusted": None, "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    assert guess(admin, "10.0.0.1", 30, **shared) == [401] * 30
    assert admin.may_read(facts_of("/", REMOTE_ADDR="10.0.0.1", **shared, **BEARER))


def test_allowed_address_reads_whatever_token_it_sends() -> None:
    admin = Admin(AdminSection(token=Secret(TOKEN), allow=networks("10.0.0.0/8")))
    wrong = facts_of("/", REMOTE_ADDR="10.1.2.3", HTTP_AUTHORIZATION="Bearer wrong")
    assert all(admin.may_read(wrong) for _ in range(30))


def test_guesses_are_forgotten_after_a_minute() -> None:
    guesses = Guesses()
    for at in range(25):
        guesses.add("192.0.2.1", 100.0 + at)
    assert guesses.wait("192.0.2.1", 130.0) == 30.0
    assert guesses.wait("192.0.2.1", 160.0) == 0.0
    guesses.add("192.0.2.1", 161.0)
    assert guesses.wait("192.0.2.1", 161.0) == 0.0


def test_memory_of_guesses_is_bounded() -> None:
    guesses = Guesses()
    for at in range(5 * CLIENTS):
        guesses.add(str(ip_address(at)), 1.0)
    kept = sum(guesses._wrong.get(str(ip_address(at))) is not None for at in range(5 * CLIENTS))
    assert 0 < kept <= 2 * CLIENTS
