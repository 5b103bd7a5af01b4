"""What a rule asks of a request beyond its path and method: headers, the client's network, who calls.

An address that is not known, or that all clients may share, frees nobody: it lies in no network of an exempt rule, and
in every network of one that limits.
"""

from __future__ import annotations

from collections.abc import Collection

from wsgi_guard.client import UNKNOWN, lies_in
from wsgi_guard.facts import Facts
from wsgi_guard.settings.sections import Network, RuleSection

ANYBODY, NOBODY = "*", "-"
UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


class Conditions:
    """Made of a rule that has any; see `conditions`."""

    __slots__ = ("_exempt", "_headers", "_identities", "_networks")

    def __init__(
        self, headers: Collection[str], networks: Collection[Network], identities: Collection[str], *, exempt: bool
    ) -> None:
        self._headers = tuple(environ_key(name) for name in headers)
        self._networks = tuple(networks)
        self._identities = frozenset(identities)
        self._exempt = exempt

    def hold(self, facts: Facts) -> bool:
        for name in self._headers:
            # Sent empty is sent. Servers may set these two, empty, where nothing was (PEP 3333).
            if name not in facts.environ or (name in UNPREFIXED and not facts.environ[name]):
                return False
        if self._networks and not self._near(facts):
            return False
        return not self._identities or self._calls(facts.identity)

    def _near(self, facts: Facts) -> bool:
        client = facts.client
        if client.ip == UNKNOWN or (client.shared and self._exempt):
            return not self._exempt
        return client.shared or lies_in(client.ip, self._networks)

    def _calls(self, identity: str | None) -> bool:
        if identity is None:
            return NOBODY in self._identities
        return ANYBODY in self._identities or identity in self._identities


def conditions(rule: RuleSection) -> Conditions | None:
    """None for a rule that asks nothing beyond path and method."""
    networks = [network for network in rule.network if not isinstance(network, str)]
    if not (rule.header or networks or rule.identity):
        return None
    return Conditions(rule.header, networks, rule.identity, exempt=rule.exempt)


def environ_key(header: str) -> str:
    """Where a header stands in the environ (PEP 3333)."""
    name = header.upper().replace("-", "_")
    return name if name in UNPREFIXED else f"HTTP_{name}"
