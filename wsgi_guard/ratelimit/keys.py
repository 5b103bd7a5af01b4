"""By whom a rule counts: from a request's facts to a short text, the same for the same client and never empty.

A part that has no value (no identity, no such header) falls back to the client's address, so leaving something out
frees nobody. Texts of one rule are told apart by kind: a user named like an address is not that address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from typing import Any

from wsgi_guard.client import UNKNOWN, parse_address
from wsgi_guard.facts import Facts
from wsgi_guard.recent import Recent
from wsgi_guard.routes import Route, Template
from wsgi_guard.settings import resolve_target

from .conditions import environ_key

Keyer = Callable[[Facts], str]
Templates = frozenset[Template] | None

LONGEST = 64
"""Characters kept as they are; what is longer stands as its hash, so a key's size is no client's choice."""


class Keys:
    """Makes keyers; equal settings give the same one, so that a request's address is looked up once for all rules."""

    def __init__(self, ipv6_prefix: int) -> None:
        self._shift = 128 - ipv6_prefix
        self._recent: Recent[str, str] = Recent(4096)
        self._made: dict[str, Keyer] = {"ip": self.address, "user": self._user, "api_key": self._api_key}

    def keyer(self, parts: tuple[str, ...], templates: Templates) -> Keyer:
        """Counts by all `parts` together. Raises ValueError for a function that cannot be had."""
        keyers = [self._part(part, templates) for part in parts]
        return keyers[0] if len(keyers) == 1 else _joined(keyers)

    def address(self, facts: Facts) -> str:
        """The client's IPv4 address, or its IPv6 network: one client owns a whole one."""
        ip = facts.client.ip
        return self._network(ip) if ":" in ip else ip

    def _network(self, ip: str) -> str:
        network = self._recent.get(ip)
        if network is None:
            network = self._masked(ip)
            self._recent.put(ip, network)
        return network

    def _masked(self, ip: str) -> str:
        address = ip_address(ip)
        if not isinstance(address, IPv6Address):
            return str(address)
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> self._shift << self._shift))

    def _part(self, part: str, templates: Templates) -> Keyer:
        if part == "endpoint":
            return _endpoint(templates)
        if part not in self._made:
            self._made[part] = self._header(part[7:]) if part.startswith("header:") else self._function(part)
        return self._made[part]

    def _user(self, facts: Facts) -> str:
        identity = facts.identity
        return short("user", identity) if identity else self.address(facts)

    def _api_key(self, facts: Facts) -> str:
        """Always by its hash, for it is a secret."""
        sent = api_key(facts.environ)
        return hashed("api_key", sent) if sent else self.address(facts)

    def _header(self, name: str) -> Keyer:
        key = environ_key(name)

        def keyer(facts: Facts) -> str:
            value = facts.environ.get(key)
            return short("header", value) if value and type(value) is str else self.address(facts)

        return keyer

    def _function(self, target: str) -> Keyer:
        function = resolve_target(target)

        def keyer(facts: Facts) -> str:
            value = function(facts.environ)
            return self.address(facts) if value is None or value == "" else short("function", str(value))

        return keyer


    def written(self, part: str, value: str) -> str:
        """The key of one part as `value` would have it. Raises ValueError where it cannot be."""
        if part == "ip":
            if value != UNKNOWN and parse_address(value) is None:
                raise ValueError("expected an address for ip")
            return self._network(value) if ":" in value else value
        if part == "api_key":
            return hashed(part, value)
        kind = part if part in ("user", "endpoint") else "header" if part.startswith("header:") else "function"
        return short(kind, value)


def api_key(environ: Mapping[str, Any]) -> str:
    """What was sent as X-API-Key, else the token of an Authorization header; "" for none."""
    sent = environ.get("HTTP_X_API_KEY")
    if isinstance(sent, str) and sent:
        return sent
    header = environ.get("HTTP_AUTHORIZATION")
    scheme, _, token = header.partition(" ") if isinstance(header, str) else ("", "", "")
    return token.strip(" ") if scheme.lower() in ("bearer", "apikey") else ""


def chosen_by_client(parts: tuple[str, ...], templates: Templates) -> bool:
    """Whether a client may have as many keys as it likes: a joint key is as free as its freest part.

    Headers are free, and so are the endpoints of a rule that matches paths nobody wrote down.
    """
    return any(
        part == "api_key" or part.startswith("header:") or (part == "endpoint" and not templates) for part in parts
    )


def short(kind: str, text: str) -> str:
    return f"{kind}:{text}" if len(text) <= LONGEST else hashed(kind, text)


def hashed(kind: str, text: str) -> str:
    return f"{kind}#{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def joined(parts: Iterable[str]) -> str:
    """One key of several; the lengths keep apart what would read alike once joined."""
    return short("all", "".join(f"{len(part)}:{part}" for part in parts))


def _endpoint(templates: Templates) -> Keyer:
    """Counts by the rule's own most specific template, or by canonical path for a rule without templates."""

    def keyer(facts: Facts) -> str:
        route = facts.known_route or facts.route
        found: str | None = route.memo.get(keyer)
        if found is None:
            found = route.memo[keyer] = name(route)
        return found

    def name(route: Route) -> str:
        for hit in route.hits:
            if templates and hit.template in templates:
                return short("endpoint", hit.template.text)
        return short("endpoint", route.canonical)

    return keyer


def _joined(keyers: list[Keyer]) -> Keyer:
    return lambda facts: joined(made(facts) for made in keyers)
