"""Whose request it is: the client's address behind proxies that are trusted by network.

Decides from the peer's address and one forwarding header, read from right to left up to the first hop that is not
trusted (OWASP ASVS 5.0, 15.3.4). What cannot be parsed is "unknown", never empty and never believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Any, NamedTuple

from .recent import Recent
from .settings.sections import Network

UNKNOWN, UNIX = "unknown", "unix"
# What servers put in REMOTE_ADDR for a unix socket: gunicorn and uWSGI "", waitress "localhost", others "unix:".
SOCKETS = frozenset({"", UNIX, "localhost"})
# So much of a header is read, from its end: what stands further left is nobody's chain of proxies.
HOPS, CHARACTERS = 32, 2048
# Up to twice so many clients are kept; with headers of the longest kind they take 1.4 MB.
REMEMBERED, LONGEST = 1024, 256
ESCAPED = re.compile(r'\\["\\]')
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")

Address = IPv4Address | IPv6Address


class Client(NamedTuple):
    """`ip` is normalised text or "unknown". `shared`: all clients may look alike, for want of `trusted_proxies`.

    `vouched`: the peer is a trusted proxy, so its request id may be taken over.
    """

    ip: str
    shared: bool
    vouched: bool


class Addresses:
    """Finds the client of a request by the settings `trusted_proxies` and `forwarded_header`."""

    def __init__(self, trusted: tuple[Network | str, ...] | None, header: str) -> None:
        self._stated = trusted is not None
        self._unix = UNIX in (trusted or ())
        self._networks = tuple(_unmapped(n) for n in (trusted or ()) if not isinstance(n, str))
        self._rfc7239 = header.lower() == "forwarded"
        self._key = "HTTP_" + header.upper().replace("-", "_")
        self._recent: Recent[tuple[object, object], Client] = Recent(REMEMBERED)

    def client(self, environ: Mapping[str, Any]) -> Client:
        key = environ.get("REMOTE_ADDR"), environ.get(self._key)
        try:
            found = self._recent.get(key)
        except TypeError:
            # Keys of an environ that no server makes.
            found = None
        return self._remember(*key) if found is None else found

    def _remember(self, peer: object, header: object) -> Client:
        found = self._resolve(peer if type(peer) is str else "", header if type(header) is str else None)
        if all(text is None or (type(text) is str and len(text) <= LONGEST) for text in (peer, header)):
            self._recent.put((peer, header), found)
        return found

    def request_id(self, environ: Mapping[str, Any]) -> str | None:
        """The request id that a trusted proxy sent, if it has the right form."""
        sent = environ.get("HTTP_X_REQUEST_ID")
        if type(sent) is str and REQUEST_ID.fullmatch(sent) and self.client(environ).vouched:
            return sent
        return None

    def believes(self, environ: Mapping[str, Any]) -> bool:
        """Whether what a request says of its way here is taken over: a trusted proxy sent it, or nobody said who is."""
        return not self._stated or self.client(environ).vouched

    def _resolve(self, peer: str, header: str | None) -> Client:
        address = parse_address(peer)
        vouched = self._trusts(address) if address else self._unix and _is_socket(peer)
        ip = str(address) if address else UNKNOWN
        if header is not None and vouched:
            ip = self._walk(header) or ip
        near = address is None or not address.is_global
        return Client(ip, header is not None and not self._stated and near, vouched)

    def _walk(self, header: str) -> str | None:
        """The right-most hop that is not trusted; the left-most if all are; None where the header names none."""
        hops, whole = _elements(header, quotes=self._rfc7239)
        first = None
        for hop in hops:
            address = parse_address(_forwarded_for(hop) if self._rfc7239 else hop)
            if address is None:
                return UNKNOWN
            first = str(address)
            if not self._trusts(address):
                return first
        return first if whole else UNKNOWN

    def _trusts(self, address: Address) -> bool:
        return _within(address, self._networks)


def _elements(header: str, *, quotes: bool) -> tuple[list[str], bool]:
    """The elements of a list header that are not empty, right to left, and whether these are all there are.

    A comma in quotes separates nothing. Quotes are paired from the right, so that one a client leaves open swallows
    nothing of what proxies have added.
    """
    pieces = (ESCAPED.sub("__", header) if quotes else header)[-CHARACTERS:].split(",")
    whole = len(header) <= CHARACTERS
    if not whole:
        del pieces[0]
    found: list[str] = []
    while pieces and len(found) < HOPS:
        element = pieces.pop()
        while quotes and element.count('"') % 2 and pieces:
            element = f"{pieces.pop()},{element}"
        if element.strip():
            found.append(element)
    return found, whole and not pieces


def _forwarded_for(element: str) -> str:
    """The parameter `for` of one element of Forwarded (RFC 7239, 4); "" without exactly one."""
    parts = element.split('"')
    # What stands in quotes is no parameter, whatever it looks like.
    parts[1::2] = [part.replace(";", "_").replace("=", "_") for part in parts[1::2]]
    pairs = [pair.partition("=") for pair in '"'.join(parts).split(";") if pair.strip()]
    values = [value.strip().strip('"') for name, _, value in pairs if name.strip().lower() == "for"]
    malformed = len(parts) % 2 == 0 or not all(equals for _, equals, _ in pairs)
    return values[0] if len(values) == 1 and not malformed else ""


def _unmapped(network: Network) -> Network:
    """Networks of IPv4-mapped addresses as those they are, for so are the addresses that they are compared with."""
    if network.version == 6 and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
        return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


def _is_socket(peer: str) -> bool:
    return peer in SOCKETS or peer.startswith("unix:")


def parse_address(text: str) -> Address | None:
    """The IP address in `text`, without port, brackets and zone; IPv4 for an IPv4-mapped IPv6 address."""
    text = text.strip()
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            return None
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def lies_in(ip: str, networks: Iterable[Network]) -> bool:
    """Whether the address in `ip` is of one of the networks; what is no address is of none."""
    address = parse_address(ip)
    return address is not None and _within(address, networks)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
