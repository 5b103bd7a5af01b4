"""Who may read details: the bearer of the admin token, or a client whose address is allowed; only the bearer acts.

An address alone says nothing while all clients may share it. Who sends wrong tokens is not listened to for a while.
Knows nothing of paths and answers.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from math import ceil
from time import monotonic
from typing import Any

from .client import SOCKETS, UNIX, UNKNOWN, lies_in
from .errors import Refused
from .facts import Facts
from .guesses import Guesses
from .settings.sections import AdminSection

FORWARDING = (
    "HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP", "HTTP_X_CLIENT_IP",
)  # fmt: skip
"""Signs that a request on a unix socket came by way of a proxy, so that the peer is not the client."""


class Admin:
    """`configured` is False when neither a token nor an address is set; then nobody is an admin.

    Both questions raise Refused, 429, for a client that has sent too many wrong tokens.
    """

    def __init__(self, section: AdminSection) -> None:
        self._token = section.token.reveal().encode() if section.token else b""
        self._networks = tuple(network for network in section.allow if not isinstance(network, str))
        self._unix = UNIX in section.allow
        self._guesses = Guesses()
        self.configured = bool(self._token or section.allow)

    def may_read(self, facts: Facts) -> bool:
        return self._is_allowed(facts) or self._bears_token(facts)

    def may_change(self, facts: Facts) -> bool:
        """An address alone may read, never change."""
        return self._bears_token(facts)

    def challenge(self, facts: Facts) -> str:
        """The WWW-Authenticate field of a 401 (RFC 6750, 3)."""
        wrong = bearer(facts.environ) is not None
        return 'Bearer realm="admin"' + (', error="invalid_token"' if wrong else "")

    def _bears_token(self, facts: Facts) -> bool:
        sent = bearer(facts.environ)
        if not self._token or sent is None:
            return False
        now, client = monotonic(), facts.client_ip
        # Where all may share an address one of them could shut out the rest: the length of the token must do there.
        wait = 0.0 if facts.shared_address else self._guesses.wait(client, now)
        if wait > 0:
            # A right one too, or guessing would go on.
            facts.decide("admin", "deny", "token", "too many wrong tokens from this client")
            raise Refused(429, "too many wrong tokens", headers=(("Retry-After", str(ceil(wait))),))
        right = hmac.compare_digest(sent, self._token)
        if not right:
            self._guesses.add(client, now)
        return right

    def _is_allowed(self, facts: Facts) -> bool:
        if facts.shared_address:
            return False
        if facts.client_ip == UNKNOWN:
            return self._unix and _local(facts.environ)
        return lies_in(facts.client_ip, self._networks)


def bearer(environ: Mapping[str, Any]) -> bytes | None:
    """The token that was sent, as bytes from the wire; None when the header is absent or of another scheme."""
    header = environ.get("HTTP_AUTHORIZATION")
    scheme, _, token = header.partition(" ") if isinstance(header, str) else ("", "", "")
    if scheme.lower() != "bearer":
        return None
    return token.strip(" ").encode("latin-1", "replace")


def _local(environ: Mapping[str, Any]) -> bool:
    """True for a client that is itself at the other end of a unix socket."""
    peer = environ.get("REMOTE_ADDR") or ""
    direct = not any(name in environ for name in FORWARDING)
    return direct and isinstance(peer, str) and peer.partition(":")[0] in SOCKETS
