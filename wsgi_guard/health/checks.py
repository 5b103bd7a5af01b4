"""Turns the settings and the pings handed over into checks and what each runs; names everything that is wrong.

Decides which checks there are: system and disk always, a ping of each store and pool that is configured, and what the
settings add or, under the same name, replace. It runs none of them. What the settings can see to be wrong by themselves
(needs that are no checks, circles) is refused before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings.fields import Threshold
from wsgi_guard.settings.relations import circles
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import CheckSection, HealthSection, RateLimitSection
from wsgi_guard.settings.target import resolve_target

from . import certificate, files, smtp, system
from .answers import own
from .decide import PASS, Check, Reading
from .registry import Registered
from .thresholds import merged

Run = Callable[[float], Reading]
Ping = Callable[[float], object]

COUNTED = frozenset({"evicted_keys", "refused"})
"""What servers count since they started; a check shows what came on top since its last run."""
NO_REDIS = "url is not that of a redis: expected redis://, rediss:// or unix://"


class Checks:
    """`declared` and `runs` have the same names; `problems` is a sentence for each thing that cannot be."""

    def __init__(
        self, section: HealthSection, pings: Mapping[str, Ping], registered: Mapping[str, Registered] | None = None
    ) -> None:
        self.declared: dict[str, Check] = {}
        self.runs: dict[str, Run] = {}
        self.problems: list[str] = []
        self._pings = pings
        in_code = registered or {}
        for name, given in {**automatic(pings), **section.checks}.items():
            if name in in_code and name in section.checks:
                self._wrong(name, f"there is a check of that name in the app's code, {in_code[name].given.type}")
            self._add(name, given, section.interval, lambda given=given: run_of(given, pings))  # type: ignore[misc]
        for name, (given, function) in in_code.items():
            self._add(name, given, section.interval, lambda function=function: own(function))  # type: ignore[misc]
        self._relate(in_code)

    def _add(self, name: str, given: CheckSection, interval: float, run: Callable[[], Run]) -> None:
        every = interval if given.interval is None else given.interval
        warn, fail = BOUNDS.get(given.type, ((), ()))
        self.declared[name] = Check(
            name, given.type, given.tier, given.needs, given.timeout, every,
            merged(given.warn, warn), merged(given.fail, fail), given.failures, given.passes,
        )  # fmt: skip
        try:
            self.runs[name] = run()
        except ValueError as error:
            self._wrong(name, str(error))

    def _relate(self, in_code: Mapping[str, Registered]) -> None:
        """What the settings could not see: needs of checks in the app's code, and circles through them."""
        for name, (given, _) in in_code.items():
            for need in given.needs:
                if need not in self.declared:
                    self._wrong(name, f"there is no check {need!r}, which it needs")
        for circle in circles({name: check.needs for name, check in self.declared.items()}):
            self._wrong(circle[0], f"{' needs '.join(map(repr, circle))}, which is a circle")

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
    return system.System()


def _disk(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    return files.disk(given.path or "/")


def _file(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    if given.path is None:
        raise ValueError("a check of type 'file' needs a path")
    return files.writable(given.path)


def _certificate(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    if given.url is not None:
        return certificate.endpoint(given.url.reveal())
    if given.path is None:
        raise ValueError("a check of type 'certificate' needs a url or a path")
    return certificate.file(given.path)


def _smtp(given: CheckSection, pings: Mapping[str, Ping]) -> Run:
    if given.url is None:
        raise ValueError("a check of type 'smtp' needs a url")
    return smtp.greeting(given.url.reveal())


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
    return vitals(place.open())


def vitals(store: Any) -> Ping:
    """How a Redis is, where its client can tell; a ping else."""
    ping: Ping = getattr(store, "vitals", None) or store.ping
    return ping


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
    "file": _file,
    "certificate": _certificate,
    "smtp": _smtp,
}
Bounds = tuple[tuple[Threshold, ...], tuple[Threshold, ...]]
BOUNDS: Mapping[str, Bounds] = {
    "system": (system.WARN, system.FAIL),
    "disk": (files.WARNS, files.FAILS),
    "file": (files.WARNS, files.FAILS),
    "certificate": (certificate.WARNS, certificate.FAILS),
    # A Redis at its limit evicts or refuses; keys that were evicted are counters and sessions that were lost.
    "redis": ((Threshold("memory_percent", ">=", 90), Threshold("evicted_keys", ">", 0)), ()),
    # Who waits for a connection waits for another request to end; who waited in vain was told 503.
    "postgres": ((Threshold("waiting", ">", 0),), (Threshold("refused", ">", 0),)),
}
"""Kind of check -> from where on it warns and fails by itself."""


def passing(ping: Ping) -> Run:
    """A check that passes when `ping` returns, and fails when it raises. Counters it tells are shown since the last."""
    last: dict[str, float] = {}

    def run(timeout: float) -> Reading:
        told = ping(timeout)
        observed = dict(told) if isinstance(told, Mapping) else {}
        for name in COUNTED & observed.keys():
            now = observed[name]
            observed[name] = max(now - last.get(name, now), 0)
            last[name] = now
        return Reading(PASS, "", observed)

    return run
