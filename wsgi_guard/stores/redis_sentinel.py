"""Which Redis is the master, by the word of sentinels; knows no driver, only connections that are made for it.

Asked each time a line is dialled, so after a failover the lines that follow lead to the new master. A server that is
asked for and does not call itself a master is not used (redis.io, "Guidelines for Redis clients with Sentinel").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from wsgi_guard.errors import StoreError

MARK = "+sentinel"
PORT = 26379


class Sentinels(NamedTuple):
    """`hosts` of sentinels with their ports, and the `service` they watch."""

    hosts: tuple[tuple[str, int], ...]
    service: str

    def find(self, make: Callable[[str, int], Any]) -> tuple[str, int]:
        """Host and port of the master. `make` makes a connection, not yet connected. Raises StoreError."""
        for host, port in self.hosts:
            connection = make(host, port)
            try:
                connection.connect()
                connection.send_command("SENTINEL", "get-master-addr-by-name", self.service)
                found = connection.read_response()
            except Exception:  # noqa: S112
                # The next sentinel may be well; that none is, is said below.
                continue
            finally:
                connection.disconnect()
            if isinstance(found, list) and len(found) == 2:
                return text(found[0]), int(text(found[1]))
        raise StoreError(f"no sentinel knows a master named {self.service!r}")


def text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)


def is_master(role: Any) -> bool:
    """Whether a reply to ROLE is a master's."""
    return isinstance(role, list) and bool(role) and text(role[0]) == "master"


def split(url: str) -> tuple[str, Sentinels | None]:
    """A URL of sentinels as one of a server nobody has named yet, and the sentinels; another URL as it is.

    `redis+sentinel://[user:password@]host[:port][,host[:port]]/service[/db]`. Raises ValueError.
    """
    scheme, _, rest = url.partition("://")
    if not scheme.endswith(MARK):
        return url, None
    rest, mark, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    user, at, names = authority.rpartition("@")
    service, _, db = path.partition("/")
    hosts = hosts_of(names, PORT)
    if not hosts or not service:
        raise ValueError("expected redis+sentinel://host:port,host:port/service")
    return f"{scheme.removesuffix(MARK)}://{user}{at}/{db}{mark}{query}", Sentinels(hosts, service)


def hosts_of(names: str, port: int) -> tuple[tuple[str, int], ...]:
    """Hosts with ports, of "one:1,two,[::1]:3"; `port` where none is written. Raises ValueError."""
    return tuple(_host(name, port) for name in names.split(",") if name)


def _host(name: str, usual: int) -> tuple[str, int]:
    if name.startswith("["):
        host, _, port = name[1:].partition("]")
        port = port.lstrip(":")
    else:
        host, _, port = name.partition(":")
    return host, int(port or usual)
