"""Whose request it is: the client's address behind proxies that are trusted by network.

Decides from the peer's address and one forwarding header, read from right to left up to the first hop that is not
trusted (OWASP ASVS 5.0, 15.3.4). What cannot be parsed is "unknown", never empty and never believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

from .recent import Recent
from .settings.sections import Network

UNKNOWN, UNIX = "unknown", "unix"
# What servers put in REMOTE_ADDR for a unix socket: gunicorn and uWSGI "", waitress "localhost", others "unix:".
SOCKETS = frozenset({"", UNIX, "localhost"})
# A chain longer than this many hops or characters is nobody's proxy set-up.
HOPS, CHARACTERS = 32, 2048
FORWARDED_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;"\s]*)', re.IGNORECASE)
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
        self._networks = tuple(n for n in (trusted or ()) if not isinstance(n, str))
        self._rfc7239 = header.lower() == "forwarded"
        self._key = "HTTP_" + header.upper().replace("-", "_")
        self._recent: Recent[tuple[str, str | None], Client] = Recent(4096)

    def client(self, environ: Mapping[str, Any]) -> Client:
        peer, header = environ.get("REMOTE_ADDR"), environ.get(self._key)
        peer = peer if type(peer) is str else ""
        header = header if type(header) is str else None
        found = self._recent.get((peer, header))
        if found is None:
            found = self._resolve(peer, header)
            if len(peer) + len(header or "") <= 256:
                self._recent.put((peer, header), found)
        return found

    def request_id(self, environ: Mapping[str, Any]) -> str | None:
        """The request id that a trusted proxy sent, if it has the right form."""
        sent = environ.get("HTTP_X_REQUEST_ID")
        if type(sent) is str and REQUEST_ID.fullmatch(sent) and self.client(environ).vouched:
            return sent
        return None

    def _resolve(self, peer: str, header: str | None) -> Client:
        address = parse_address(peer)
        vouched = self._trusts(address, peer)
        ip = str(address) if address else UNKNOWN
        if header is not None and vouched:
            ip = self._walk(header) or ip
        return Client(ip, self._is_shared(address, header), vouched)

    def _is_shared(self, address: Address | None, header: str | None) -> bool:
        near = address is None or address.is_private or address.is_loopback
        return header is not None and not self._stated and near

    def _walk(self, header: str) -> str | None:
        """The right-most hop that is not trusted; the left-most if all are; None for an empty header."""
        if not header.strip():
            return None
        if len(header) > CHARACTERS or header.count(",") >= HOPS:
            return UNKNOWN
        ip = UNKNOWN
        for hop in reversed(self._hops(header)):
            address = parse_address(hop)
            if address is None:
                return UNKNOWN
            ip = str(address)
            if not self._trusts(address, ""):
                break
        return ip

    def _hops(self, header: str) -> list[str]:
        elements = header.split(",")
        if not self._rfc7239:
            return elements
        found = [FORWARDED_FOR.search(element) for element in elements]
        return [match[1].strip('"') if match else "" for match in found]

    def _trusts(self, address: Address | None, peer: str) -> bool:
        if address is None:
            return self._unix and peer.partition(":")[0] in SOCKETS
        return any(address.version == n.version and address in n for n in self._networks)


def parse_address(text: str) -> Address | None:
    """The IP address in `text`, without port, brackets and zone; IPv4 for an IPv4-mapped IPv6 address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
