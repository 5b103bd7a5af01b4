"""One request to a health layer by itself, without a guard around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

from tests.health.ticking import PATIENCE, until
from tests.support.calling import request
from wsgi_guard.admin import Admin
from wsgi_guard.client import Addresses
from wsgi_guard.errors import Refused
from wsgi_guard.facts import Facts, Origin
from wsgi_guard.health.checks import Ping
from wsgi_guard.health.layer import Health
from wsgi_guard.health.monitor import Clock
from wsgi_guard.layer import Reply
from wsgi_guard.routes import Routes
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import AdminSection, CheckSection, HealthSection, Network

TOKEN = "a-token-of-some-length"
BEARER: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
WITH_TOKEN = AdminSection(token=Secret(TOKEN))


def fine() -> None:
    """A check that passes."""


OWN = CheckSection(type=f"{__name__}:fine")
CALM = MappingProxyType({"system": OWN, "disk": OWN})
"""In place of the checks that depend on the machine which runs the tests."""


def networks(*texts: str) -> tuple[Network | str, ...]:
    return tuple(text if text == "unix" else ip_network(text) for text in texts)


def facts_of(path: str, method: str = "GET", trusted: Sequence[str] | None = (), **keys: Any) -> Facts:
    addresses = Addresses(None if trusted is None else networks(*trusted), "x-forwarded-for")
    return Facts(request(path, method, **keys), Origin(Routes(), addresses, None))


@dataclass
class Layer:
    """A health layer and what it answers; a test drains it by `draining[0]` and starts it by `health.start()`."""

    health: Health
    draining: list[bool]

    def ask(self, path: str, method: str = "GET", **keys: Any) -> Reply | None:
        return self.health.before(facts_of(path, method, **keys))

    def code(self, path: str, method: str = "GET", **keys: Any) -> int:
        """The status of the answer, 0 where the path is the app's."""
        try:
            reply = self.ask(path, method, **keys)
        except Refused as refused:
            return refused.status
        return int(reply.status[:3]) if reply else 0

    def json(self, path: str, **keys: Any) -> Any:
        reply = self.ask(path, **keys)
        assert reply is not None
        return json.loads(reply.body)

    def settle(self) -> None:
        """Waits for the first round."""
        seen = self.health._monitor.seen
        until(lambda: all(state.result is not None for state in seen().values()))


Make = Callable[..., Layer]


def make(
    section: HealthSection | None = None,
    admin: AdminSection | None = None,
    *,
    pings: Mapping[str, Ping] | None = None,
    clock: Clock | None = None,
) -> Layer:
    draining = [False]
    section, admin = section or HealthSection(), admin or AdminSection()
    health = Health(section, Admin(admin), pings=pings or {}, draining=lambda: draining[0], clock=clock)
    return Layer(health, draining)


def stop(layer: Layer) -> None:
    layer.health._monitor.stop(PATIENCE)
