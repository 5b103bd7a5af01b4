"""Turns the settings and the pings handed over into checks and what each runs; names everything that is wrong.

Decides which checks there are: system and disk always, a ping of each store and pool that is configured, and what the
settings add or, under the same name, replace. It runs none of them. What the settings can see to be wrong by themselves
(needs that are no checks, circles) is refused before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import CheckSection, HealthSection, RateLimitSection
from wsgi_guard.settings.target import resolve_target

from .answers import own
from .decide import PASS, Check, Reading
from .system import System, disk

Run = Callable[[float], Reading]
Ping = Callable[[float], object]

NO_REDIS = "url is not that of a redis: expected redis://, rediss:// or unix://"


class Checks:
    """`declared` and `runs` have the same names; `problems` is a sentence for each thing that cannot be."""

    def __init__(self, section: HealthSection, pings: Mapping[str, Ping]) -> None:
        self.declared: dict[str, Check] = {}
        self.runs: dict[str, Run] = {}
        self.problems: list[str] = []
        self._pings = pings
        for name, given in {**automatic(pings), **section.checks}.items():
            self._add(name, given, section.interval)

    def _add(self, name: str, given: CheckSection, interval: float) -> None:
        every = interval if given.interval is None else given.interval
        self.declared[name] = Check(name, given.type, given.tier, given.needs, given.timeout, every)
        try:
            self.runs[name] = run_of(given, self._pings)
        except ValueError as error:
            self._wrong(name, str(error))

    def _wrong(self, name: str, what: str) -> None:
        self.problems.append(f"health.checks.{name}: {what}")


def automatic(pings: Mapping[str, Ping]) -> dict[str, CheckSection]:
    """Checks nobody wrote down; all of tier info, so that one blip of a database does not take every instance out."""
    found = {"system": CheckSection(type="system"), "disk": CheckSection(type="disk")}
    for name in pings:
        kind, _, pool = name.partition("-")
        found[name] = CheckSection(type=kind, pool=pool or "main")
    return found


def run_of(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    """What a check of this kind runs; ValueError or ConfigurationError with the reason when it cannot run."""
    kind = given.type
    if kind in KINDS:
        return KINDS[kind](given, pings)
    return own(resolve_target(kind))


def _system(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    return System()


def _disk(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    return disk(given.path)


def _http(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    if given.url is None:
        raise ValueError("a check of type 'http' needs a url")
    # Imported here: http.client brings the e-mail package with it.
    from .endpoint import endpoint

    return endpoint(given.url.reveal())


def _redis(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    if given.url is not None:
        return passing(_redis_ping(given.url, given.timeout))
    if "redis" not in pings:
        raise ValueError("needs a url, since rate_limit.store is no redis")
    return passing(pings["redis"])


def _redis_ping(url: Secret, timeout: float) -> Ping:
    """A connection of the check's own, made by the one module that knows redis."""
    from wsgi_guard.stores import Place

    try:
        place = Place(RateLimitSection(store=url, store_timeout=timeout), lambda: None)
    except ConfigurationError:
        raise ValueError(NO_REDIS) from None
    if not place.remote:
        raise ValueError(NO_REDIS)
    return place.open().ping


def _postgres(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    names = ("postgres" if given.pool == "main" else "", f"postgres-{given.pool}")
    found = next((pings[name] for name in names if name in pings), None)
    if found is None:
        raise ValueError(f"pool {given.pool!r} is not configured")
    return passing(found)


KINDS: Mapping[str, Callable[[CheckSection, Mapping[str, Ping]], Run]] = {
    "system": _system,
    "disk": _disk,
    "http": _http,
    "redis": _redis,
    "postgres": _postgres,
}


def passing(ping: Ping) -> Run:
    """A check that passes when `ping` returns, and fails when it raises."""

    def run(timeout: float) -> Reading:
        ping(timeout)
        return Reading(PASS)

    return run
