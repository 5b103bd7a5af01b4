"""One rate limit layer with real facts, routes and stores; no guard around it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from threading import Thread
from threading import enumerate as enumerate_threads
from typing import Any

import redis

from tests.support.redis import Redis
from wsgi_guard.client import Addresses
from wsgi_guard.errors import Refused
from wsgi_guard.facts import CURRENT, Facts, Origin
from wsgi_guard.layer import Head, Outcome
from wsgi_guard.ratelimit.layer import RateLimit
from wsgi_guard.routes import Routes
from wsgi_guard.settings.quantities import limits
from wsgi_guard.settings.sections import GuardSection, RateLimitSection, RuleSection
from wsgi_guard.stores import MemoryStore, Place, Store

CLIENT = "203.0.113.9"


def rule(name: str = "all", limit: str = "3 per hour", **keys: Any) -> RuleSection:
    """A rule as the settings would have it; `limit` "" for none."""
    return RuleSection(name=name, limit=limits(limit) if limit else (), **keys)


class Given(Place):
    """A place that is the store a test has made."""

    def __init__(self, store: Store) -> None:
        super().__init__(RateLimitSection(), lambda: None)
        self._store = store


class Site:
    """A guard's inside as far as limits need it; `rules` are those of the file."""

    def __init__(
        self,
        *rules: RuleSection,
        guard: GuardSection | None = None,
        store: Store | None = None,
        own_paths: frozenset[str] = frozenset(),
        workers: int = 1,
        identity: Callable[[dict[str, Any]], Any] | None = None,
        **keys: Any,
    ) -> None:
        guard = guard or GuardSection(trusted_proxies=())
        section = RateLimitSection(rules=rules, **{"builtin_rules": "off", **keys})
        routes = Routes()
        self.store = MemoryStore(section.max_keys) if store is None else store
        self.layer = RateLimit(section, guard, routes, Given(self.store), own_paths=own_paths, workers=lambda: workers)
        self._origin = Origin(routes, Addresses(guard.trusted_proxies, guard.forwarded_header), identity)
        self.facts: Facts

    def begin(self, path: str = "/", method: str = "GET", ip: str = CLIENT, **environ: Any) -> Facts:
        found = {"REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": ip, **environ}
        self.facts = Facts(found, self._origin)
        return self.facts

    def send(self, path: str = "/", method: str = "GET", ip: str = CLIENT, **environ: Any) -> Head:
        """The head of the answer: 200 of an app without headers of its own, or the layer's refusal."""
        return self.run(lambda: None, path, method, ip, **environ)

    def run(
        self, app: Callable[[], object], path: str = "/", method: str = "GET", ip: str = CLIENT, **environ: Any
    ) -> Head:
        """As `send`, with `app` called while the request runs; a refusal it raises reaches the guard."""
        facts = self.begin(path, method, ip, **environ)
        token = CURRENT.set(facts)
        try:
            reply = self.layer.before(facts)
            if reply is None:
                app()
            head = Head("200 OK", []) if reply is None else Head(reply.status, list(reply.headers))
        except Refused as refused:
            head = Head(f"{refused.status} refused", list(refused.headers))
        finally:
            CURRENT.reset(token)
        self.layer.after(facts, head)
        self.end(facts, head.code)
        facts.open = False
        return head

    def end(self, facts: Facts, code: int, end: str = "return") -> None:
        """The end of a request, as the chain tells it to layers that want to know."""
        if self.layer.finish is not None:
            self.layer.finish(facts, Outcome(code, 0.0, end))

    def codes(self, times: int, path: str = "/", method: str = "GET", ip: str = CLIENT, **environ: Any) -> list[int]:
        return [self.send(path, method, ip, **environ).code for _ in range(times)]

    def decisions(self) -> list[tuple[str, str]]:
        """Verdict and rule of each decision about the last request."""
        return [(decision.verdict, decision.rule) for decision in self.facts.decisions or ()]


def calls(server: Redis) -> int:
    """How many scripts a server has run."""
    client: Any = redis.Redis.from_url(server.url, protocol=2)
    stats = client.info("commandstats")
    client.close()
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


def field(head: Head, name: str) -> str | None:
    """The value of a header that stands there at most once."""
    values = [value for key, value in head.headers if key.lower() == name.lower()]
    assert len(values) <= 1
    return values[0] if values else None


def threads(name: str) -> set[Thread]:
    """Those of the guard that do what `name` says."""
    return {thread for thread in enumerate_threads() if thread.name == f"wsgi_guard-{name}"}


def gone(thread: Thread) -> None:
    """The thread ends once nobody has its guard; the thread itself does while it works."""
    for _ in range(50):
        gc.collect()
        thread.join(0.1)
        if not thread.is_alive():
            return
    raise AssertionError(f"{thread.name} goes on")
