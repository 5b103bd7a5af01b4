"""Whose request it is: behind proxies, on sockets, and where somebody lies."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.calling import ANSWER, PLAIN, Environ, request, serve
from wsgi_guard import Guard
from wsgi_guard.client import REMEMBERED, UNKNOWN, Addresses, Client, parse_address

TEN = "10.0.0.0/8"
PEER = "10.0.0.1"


def trusting(*networks: str) -> tuple[Any, ...]:
    return tuple(word if word == "unix" else ip_network(word) for word in networks)


def client(peer: Any, header: Any = None, trusted: Any = (TEN,), name: str = "x-forwarded-for") -> Client:
    addresses = Addresses(None if trusted is None else trusting(*trusted), name)
    environ = {"REMOTE_ADDR": peer, "HTTP_" + name.upper().replace("-", "_"): header}
    found = addresses.client({key: value for key, value in environ.items() if value is not None})
    assert addresses.client({key: value for key, value in environ.items() if value is not None}) == found
    return found


PEERS = {
    "192.0.2.1": "192.0.2.1",
    "192.0.2.1:8080": "192.0.2.1",
    " 192.0.2.1 ": "192.0.2.1",
    "2001:DB8::0:1": "2001:db8::1",
    "2001:0db8:0000:0000:0000:0000:0000:0001": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:db8::1]:8080": "2001:db8::1",
    "fe80::1%eth0": "fe80::1",
    "[fe80::1%25eth0]:80": "fe80::1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "::ffff:c000:201": "192.0.2.1",
    "[::ffff:192.0.2.1]:80": "192.0.2.1",
    "::1": "::1",
    "": UNKNOWN,
    "localhost": UNKNOWN,
    "unix:": UNKNOWN,
    "unix:/run/app.sock": UNKNOWN,
    "@": UNKNOWN,
    "192.0.2.256": UNKNOWN,
    "192.0.2": UNKNOWN,
    "192.0.2.01": UNKNOWN,
    "3232235777": UNKNOWN,
    "0x7f.1": UNKNOWN,
    "192.0.2.1/32": UNKNOWN,
    "192.0.2.1 192.0.2.2": UNKNOWN,
    "\u0661\u0669\u0662.0.2.1": UNKNOWN,
    "[2001:db8::1": UNKNOWN,
    "[2001:db8::1]junk": UNKNOWN,
    "2001:db8::1]": UNKNOWN,
    ":": UNKNOWN,
    "::zz": UNKNOWN,
    "example.org": UNKNOWN,
    "1" * 5000: UNKNOWN,
}  # fmt: skip


def test_peers_are_counted() -> None:
    assert len(PEERS) == 33


@pytest.mark.parametrize(("peer", "ip"), PEERS.items(), ids=lambda text: repr(text)[:30])
def test_peer_is_the_client_without_proxies(peer: str, ip: str) -> None:
    for trusted in (None, (), (TEN,)):
        assert client(peer, trusted=trusted).ip == ip
        assert client(peer, "198.51.100.7", trusted=trusted).ip == ip


@pytest.mark.parametrize("peer", [None, b"192.0.2.1", 5, ["192.0.2.1"]], ids=repr)
def test_odd_peer_is_unknown(peer: Any) -> None:
    assert client(peer, 5).ip == UNKNOWN


HEADERS = [
    # one proxy
    ("198.51.100.7", "198.51.100.7"),
    (" 198.51.100.7 ", "198.51.100.7"),
    ("198.51.100.7:4711", "198.51.100.7"),
    ("2001:DB8::7", "2001:db8::7"),
    ("[2001:db8::7]:4711", "2001:db8::7"),
    ("::ffff:198.51.100.7", "198.51.100.7"),
    # what the client wrote itself stands left of what proxies saw
    ("127.0.0.1, 198.51.100.7", "198.51.100.7"),
    ("10.9.9.9, 198.51.100.7", "198.51.100.7"),
    ("junk, 198.51.100.7", "198.51.100.7"),
    (", , 198.51.100.7", "198.51.100.7"),
    ('"quoted, 198.51.100.7', "198.51.100.7"),
    ("x" * 10_000 + ",198.51.100.7", "198.51.100.7"),
    ("1.1.1.1," * 2000 + "198.51.100.7", "198.51.100.7"),
    # several proxies
    ("198.51.100.7, 10.0.0.2", "198.51.100.7"),
    ("198.51.100.7,10.0.0.3,10.0.0.2", "198.51.100.7"),
    ("1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
    ("198.51.100.7, ::ffff:10.0.0.2", "198.51.100.7"),
    # empty elements count for nothing (RFC 9110, 5.6.1)
    ("198.51.100.7,", "198.51.100.7"),
    ("198.51.100.7, ,10.0.0.2,,", "198.51.100.7"),
    # trusted to the very end: the first that was seen
    ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("10.0.0.2", "10.0.0.2"),
    # nothing said
    ("", PEER),
    ("  ", PEER),
    (",,", PEER),
    # not to be known
    ("unknown", UNKNOWN),
    ("_hidden", UNKNOWN),
    ("198.51.100.7, unknown", UNKNOWN),
    ("198.51.100.7, unknown, 10.0.0.2", UNKNOWN),
    ("198.51.100.7.8", UNKNOWN),
    ("10.0.0.2," * 5000 + "10.0.0.2", UNKNOWN),
    ("198.51.100.7," + "10.0.0.2," * 100, UNKNOWN),
    ("10.0.0.2, " + "9" * 3000, UNKNOWN),
]


def test_headers_are_counted() -> None:
    assert len(HEADERS) == 32


@pytest.mark.parametrize(("header", "ip"), HEADERS, ids=lambda text: repr(text)[:40])
def test_client_is_the_last_hop_not_trusted(header: str, ip: str) -> None:
    assert client(PEER, header).ip == ip
    assert client(f"::ffff:{PEER}", header).ip == ip
    assert client("198.51.100.99", header).ip == "198.51.100.99"


FORWARDED = [
    ("for=198.51.100.7", "198.51.100.7"),
    ("For=198.51.100.7", "198.51.100.7"),
    ('for="198.51.100.7"', "198.51.100.7"),
    ('for="198.51.100.7:4711"', "198.51.100.7"),
    ('for="[2001:db8::7]"', "2001:db8::7"),
    ('FOR="[2001:db8::7]:4711";proto=https', "2001:db8::7"),
    ("by=10.0.0.1;for=198.51.100.7;proto=http", "198.51.100.7"),
    ("proto=http ; for=198.51.100.7", "198.51.100.7"),
    ("for=198.51.100.7;", "198.51.100.7"),
    ("for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
    ("for=1.1.1.1, for=198.51.100.7;by=10.0.0.3, for=10.0.0.2", "198.51.100.7"),
    # commas and semicolons in quotes belong to the value
    ('for=198.51.100.7;secret="a,b"', "198.51.100.7"),
    ('for=198.51.100.7;secret="a, for=1.1.1.1"', "198.51.100.7"),
    ('host="a;for=1.1.1.1";for=198.51.100.7', "198.51.100.7"),
    ('host="a\\";for=1.1.1.1;\\"";for=198.51.100.7', "198.51.100.7"),
    ('for=198.51.100.7;secret="a\\\\"', "198.51.100.7"),
    # quotes that the client leaves open swallow nothing of what a proxy adds
    ('for=", for=198.51.100.7', "198.51.100.7"),
    ('for="1.1.1.1, for=198.51.100.7', "198.51.100.7"),
    ("for=1.1.1.1\\, for=198.51.100.7", "198.51.100.7"),
    ('for="\\, for=198.51.100.7', "198.51.100.7"),
    # not to be known
    ("for=_hidden", UNKNOWN),
    ("for=unknown", UNKNOWN),
    ('for="_gazonk:80"', UNKNOWN),
    ("proto=https", UNKNOWN),
    ("by=198.51.100.7", UNKNOWN),
    ("xfor=198.51.100.7", UNKNOWN),
    ("for=198.51.100.7;for=1.1.1.1", UNKNOWN),
    ("for", UNKNOWN),
    ("for=", UNKNOWN),
    ("198.51.100.7", UNKNOWN),
    ('for="198.51.100.7', UNKNOWN),
    ("for=2001:db8::7;;x", UNKNOWN),
    ("", PEER),
    (" , ", PEER),
]


def test_forwarded_cases_are_counted() -> None:
    assert len(FORWARDED) == 34


@pytest.mark.parametrize(("header", "ip"), FORWARDED)
def test_forwarded_is_read_as_rfc_7239_says(header: str, ip: str) -> None:
    assert client(PEER, header, name="forwarded").ip == ip
    assert client(PEER, header, name="Forwarded").ip == ip


def test_one_header_is_read_and_no_other() -> None:
    addresses = Addresses(trusting(TEN), "cf-connecting-ip")
    environ = {"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": "1.1.1.1", "HTTP_FORWARDED": "for=1.1.1.1"}
    assert addresses.client(environ).ip == PEER
    assert addresses.client({**environ, "HTTP_CF_CONNECTING_IP": "198.51.100.7"}).ip == "198.51.100.7"


@pytest.mark.parametrize(
    ("networks", "peer", "trusted"),
    [
        (("10.0.0.0/8",), "10.255.0.1", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("10.0.0.1/32", "192.0.2.0/24"), "192.0.2.9", True),
        (("10.0.0.0/8",), "::ffff:10.0.0.1", True),
        (("::ffff:10.0.0.0/104",), "10.0.0.1", True),
        (("::ffff:10.0.0.0/104",), "::ffff:10.0.0.1", True),
        (("::/0",), "10.0.0.1", False),
        (("::/0",), "2001:db8::1", True),
        (("0.0.0.0/0",), "10.0.0.1", True),
        (("0.0.0.0/0",), "::1", False),
        (("2001:db8::/32",), "2001:db8:1::1", True),
        (("fe80::/10",), "fe80::1%eth0", True),
        ((), "10.0.0.1", False),
        (("unix",), "", True),
        (("unix",), "localhost", True),
        (("unix",), "unix:", True),
        (("unix",), "unix:/run/app.sock", True),
        (("unix",), None, True),
        (("unix",), b"", True),
        (("unix",), "unixoid", False),
        (("unix",), "::zz", False),
        (("unix",), ":", False),
        (("unix",), "@", False),
        (("unix",), "127.0.0.1", False),
        (("10.0.0.0/8",), "", False),
        (("10.0.0.0/8",), "unix:", False),
    ],
)
def test_networks_say_who_is_a_proxy(networks: tuple[str, ...], peer: Any, trusted: bool) -> None:
    found = client(peer, "198.51.100.7", trusted=networks)
    assert found.vouched is trusted
    assert (found.ip == "198.51.100.7") is trusted


def test_socket_in_the_middle_is_not_trusted() -> None:
    assert client("", "198.51.100.7, localhost", trusted=("unix",)).ip == UNKNOWN
    assert client("", "", trusted=("unix",)).ip == UNKNOWN


@pytest.mark.parametrize(
    ("peer", "header", "trusted", "shared"),
    [
        ("127.0.0.1", "1.1.1.1", None, True),
        ("::1", "1.1.1.1", None, True),
        ("10.0.0.1", "1.1.1.1", None, True),
        ("::ffff:10.0.0.1", "1.1.1.1", None, True),
        ("fd00::1", "1.1.1.1", None, True),
        # Pods and load balancers of some clouds live in the shared address space of RFC 6598.
        ("100.64.0.1", "1.1.1.1", None, True),
        ("", "1.1.1.1", None, True),
        ("unix:", "", None, True),
        ("8.8.8.8", "1.1.1.1", None, False),
        ("127.0.0.1", None, None, False),
        ("127.0.0.1", "1.1.1.1", (), False),
        ("127.0.0.1", "1.1.1.1", (TEN,), False),
    ],
)
def test_shared_address_is_noticed(peer: str, header: str | None, trusted: Any, shared: bool) -> None:
    assert client(peer, header, trusted=trusted).shared is shared


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from([None, (), (TEN,), ("unix", TEN)]))
def test_client_is_an_address_or_unknown(peer: str, header: str, trusted: Any) -> None:
    for name in ("x-forwarded-for", "forwarded"):
        ip = client(peer, header, trusted, name).ip
        assert ip == UNKNOWN or str(ip_address(ip)) == ip


JUNK = ["10.0.0.2", "junk", "", '"', "unknown", "for=1.1.1.1", "\\"]
HOP = st.one_of(st.ip_addresses(v=4).map(str), st.sampled_from(JUNK))


@given(st.lists(HOP, max_size=6), st.integers(0, 3))
def test_spoofed_start_never_wins(spoofed: list[str], proxies: int) -> None:
    header = ",".join([*spoofed, "198.51.100.7", *["10.0.0.2"] * proxies])
    assert client(PEER, header).ip == "198.51.100.7"
    forwarded = ",".join([*spoofed, "for=198.51.100.7", *["for=10.0.0.2"] * proxies])
    assert client(PEER, forwarded, name="forwarded").ip == "198.51.100.7"


@given(st.one_of(st.ip_addresses(), st.text(max_size=30)))
def test_addresses_are_normal_or_none(given_: Any) -> None:
    found = parse_address(str(given_))
    assert found is None or parse_address(str(found)) == found


def test_long_headers_take_linear_time() -> None:
    for piece in (",", '"', "for=", 'for="', "\\", ";", " ", ',"'):
        for name in ("x-forwarded-for", "forwarded"):
            client(PEER, piece * 50_000, name=name)


def test_memory_for_clients_is_bounded() -> None:
    addresses = Addresses(None, "x-forwarded-for")
    for number in range(5 * REMEMBERED):
        addresses.client({"REMOTE_ADDR": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"})
        addresses.client({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "x" * 1000 + str(number)})
    assert addresses._recent.count() <= 2 * REMEMBERED


# request ids


@pytest.mark.parametrize(
    ("trusted", "sent", "taken"),
    [
        ((TEN,), "abcdefgh", True),
        ((TEN,), "A1._-b2c3" * 14, True),
        ((TEN,), "a" * 128, True),
        ((TEN,), "a" * 129, False),
        ((TEN,), "a" * 7, False),
        ((TEN,), "", False),
        ((TEN,), "abcdefg h", False),
        ((TEN,), "abcdefgh\n", False),
        ((TEN,), "abcdefgh\r\nX: y", False),
        ((TEN,), "abcdefg\u00e9", False),
        ((TEN,), "abcdefgh,ijklmnop", False),
        ((), "abcdefgh", False),
        (("192.168.0.0/16",), "abcdefgh", False),
        (None, "abcdefgh", False),
    ],
)
def test_request_id_is_taken_from_a_trusted_proxy(trusted: Any, sent: str, taken: bool) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [PLAIN])
        return [environ["wsgi_guard.request_id"].encode()]

    networks = {} if trusted is None else {"trusted_proxies": list(trusted)}
    guard = Guard(app, {**ANSWER, "guard": {"layers": [], **networks}})
    server = serve(guard, request(REMOTE_ADDR=PEER, HTTP_X_REQUEST_ID=sent))
    assert (server.header("X-Request-ID") == sent) is taken
    assert server.body.decode() == server.header("X-Request-ID")
