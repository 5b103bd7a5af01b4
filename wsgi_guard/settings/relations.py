"""What must hold between settings once each of them is right by itself, and what one says about secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from .alert_relations import WEB, alert_clashes, is_url
from .references import REDIS, scheme_of
from .rules import rule_clashes
from .sections import THREATS, CheckSection, Settings
from .wording import nearest

LAYERS = ("rate_limit", "validation", "health")
BUILTIN_RULES = ("api_general", "authentication", "file_upload", "ai_processing", "admin")
# 128 bits in hexadecimal are 32 characters, in base64 22; 16 is the least that nobody guesses online.
SHORTEST_TOKEN = 16
# What every client can send in an Authorization header and every proxy hands on unchanged; a space only inside.
SENDABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
# The fields of a check that only one type reads.
READ_BY = {
    "url": ("http", "redis", "smtp", "certificate"), "pool": ("postgres",), "path": ("disk", "file", "certificate"),
}  # fmt: skip
# Types of a check that ask a server, and how its URL may begin.
ASKED = {"http": ("http", "https"), "smtp": ("smtp", "smtps"), "certificate": ("https", "tls")}

# The keys that contradict each other, the one to name first, and the sentence.
Clash = tuple[tuple[str, ...], str]


def relations(settings: Settings, given: Collection[str]) -> Iterator[Clash]:
    """Everything that cannot be. `given` are the keys that somebody wrote, by dotted path."""
    yield from _rules(settings)
    yield from _pools(settings)
    yield from _secrets(settings)
    yield from _paths(settings)
    yield from _admin_paths(settings)
    yield from _threats(settings)
    yield from _checks(settings, given)
    yield from alert_clashes(settings, given)


def remarks(settings: Settings, given: Collection[str]) -> Iterator[str]:
    """What is no contradiction but should be known: settings of a layer that guard.layers leaves out."""
    for layer in LAYERS:
        left_out = settings.guard.layers is not None and layer not in settings.guard.layers
        if left_out and any(path.startswith(f"{layer}.") for path in given):
            yield f"guard.layers leaves {layer} out: its settings have no effect"
    if not _looks_for_threats(settings):
        for rule in settings.rate_limit.rules:
            if "threat" in rule.count:
                yield f"rate limit rule {rule.name!r} counts threats, which nothing looks for: they are off"


def _looks_for_threats(settings: Settings) -> bool:
    threats, layers = settings.validation.threats, settings.guard.layers
    modes = [getattr(threats.modes, kind) or threats.mode for kind in threats.classes]
    return (layers is None or "validation" in layers) and any(mode != "off" for mode in modes)


def _rules(settings: Settings) -> Iterator[Clash]:
    seen: set[str] = set()
    for at, rule in enumerate(settings.rate_limit.rules, 1):
        here = f"rate_limit.rules.{at}"
        called = (f"{here}.name", here)
        if rule.name in BUILTIN_RULES:
            yield called, f"{rule.name!r} is the name of a built-in rule, choose another"
        if rule.name in seen:
            yield called, f"there is a rule {rule.name!r} already"
        seen.add(rule.name)
        for keys, sentence in rule_clashes(rule):
            yield (*(f"{here}.{key}" for key in keys), here), sentence
    both = set(settings.rate_limit.allow) & set(settings.rate_limit.deny)
    for network in sorted(map(str, both)):
        yield ("rate_limit.deny", "rate_limit.allow"), f"{network} is on both lists"
    for name in ("allow", "deny"):
        if "unix" in getattr(settings.rate_limit, name):
            yield (f"rate_limit.{name}",), "expected networks: a client on a unix socket has no address to know it by"


def _pools(settings: Settings) -> Iterator[Clash]:
    for name, pool in settings.pools.items():
        if pool.min_size > pool.max_size:
            keys = (f"pools.{name}.min_size", f"pools.{name}.max_size")
            yield keys, f"min_size is {pool.min_size}, more than max_size, which is {pool.max_size}"
        if (pool.tls_cert is None) != (pool.tls_key is None):
            yield (f"pools.{name}.tls_cert", f"pools.{name}.tls_key"), "tls_cert and tls_key go together"


def _secrets(settings: Settings) -> Iterator[Clash]:
    token, dsn = settings.admin.token, settings.capture.sentry_dsn
    if token is not None and len(token.reveal()) < SHORTEST_TOKEN:
        yield ("admin.token",), f"expected at least {SHORTEST_TOKEN} characters"
    if token is not None and not SENDABLE.fullmatch(token.reveal()):
        yield ("admin.token",), "expected ASCII, no space at its ends: nothing else is sure to come through a header"
    if dsn is not None and not is_url(dsn.reveal(), WEB):
        yield ("capture.sentry_dsn",), "expected a DSN, a URL such as https://<key>@<host>/<project>"
    if settings.admin.allow and settings.guard.trusted_proxies is None:
        sentence = "needs guard.trusted_proxies to be stated, [] if there is no proxy: behind one all share its address"
        yield ("admin.allow", "guard.trusted_proxies"), sentence


def _paths(settings: Settings) -> Iterator[Clash]:
    health = settings.health
    for name, path, other, taken in (
        ("readyz", health.readyz, "livez", health.livez),
        ("health", health.health, "livez", health.livez),
        ("health", health.health, "readyz", health.readyz),
    ):
        if path is not None and path == taken:
            yield (f"health.{name}", f"health.{other}"), f"{name} and {other} cannot both be at {path!r}"
    for name, path in (("livez", health.livez), ("readyz", health.readyz)):
        below = f"{health.health}/"
        if health.health and path and (path == f"{below}detailed" or path.startswith(f"{below}check/")):
            yield (f"health.{name}", "health.health"), f"{path!r} is a path that health answers"


def _admin_paths(settings: Settings) -> Iterator[Clash]:
    taken = {settings.health.livez, settings.health.readyz, settings.health.health}
    prefix, metrics = settings.admin.rate_limits, settings.metrics.path
    if metrics and (metrics in taken or (prefix and metrics.startswith(f"{prefix}/"))):
        yield ("metrics.path", "health", "admin.rate_limits"), f"{metrics!r} is a path that the guard answers already"
    if settings.log.handler == "direct" and settings.log.format != "json":
        yield ("log.format", "log.handler"), "the direct handler writes JSON, choose the handler logging for text"
    errors = settings.admin.errors
    if errors and f"{errors}/stats" in taken:
        yield ("admin.errors", "health"), f"{errors + '/stats'!r} is a path that health answers"
    if errors and errors == settings.admin.rate_limits:
        # Told apart by the last word today; two slices in one place would sooner or later want the same one.
        yield ("admin.errors", "admin.rate_limits"), f"both cannot be below {errors!r}"
    for name in ("status", "reset", "block", "unblock"):
        if prefix and f"{prefix}/{name}" in taken:
            yield ("admin.rate_limits", "health"), f"{prefix + '/' + name!r} is a path that health answers"
    if settings.admin.db and settings.admin.db in taken:
        yield ("admin.db", "health"), f"{settings.admin.db!r} is a path that health answers"


def _threats(settings: Settings) -> Iterator[Clash]:
    threats, here = settings.validation.threats, "validation.threats"
    if threats.detect is not None and threats.detect < threats.level:
        sentence = f"detect is {threats.detect}, less than level, which is {threats.level}: what blocks is told as well"
        yield (f"{here}.detect", f"{here}.level"), sentence
    for kind in THREATS:
        if getattr(threats.modes, kind) not in (None, "off") and kind not in threats.classes:
            yield (f"{here}.modes.{kind}", f"{here}.classes"), f"{kind} is not among validation.threats.classes"


def _checks(settings: Settings, given: Collection[str]) -> Iterator[Clash]:
    checks = settings.health.checks
    known = check_names(settings)
    for name, check in checks.items():
        here = f"health.checks.{name}"
        for need in check.needs:
            if need not in known:
                yield (f"{here}.needs",), f"there is no check {need!r}{nearest(need, known)}"
        yield from _check(settings, here, check, given)
    for circle in circles({name: check.needs for name, check in checks.items()}):
        yield (f"health.checks.{circle[0]}.needs",), f"{' needs '.join(map(repr, circle))}, which is a circle"


def _check(settings: Settings, here: str, check: CheckSection, given: Collection[str]) -> Iterator[Clash]:
    kind, url = check.type, check.url.reveal() if check.url else None
    for name, types in READ_BY.items():
        if kind and f"{here}.{name}" in given and kind not in types:
            yield (f"{here}.{name}", f"{here}.type"), f"a check of type {kind!r} has no {name}"
    place = (f"{here}.url", f"{here}.type", here)
    if kind in ASKED and not (kind == "certificate" and check.path and not url):
        if not (url and is_url(url, ASKED[kind])):
            yield place, f"a check of type {kind!r} needs a url that starts with {'://, or '.join(ASKED[kind])}://"
        elif check.path:
            yield place, "a certificate comes from a url or a path, not from both"
    if kind == "file" and not check.path:
        yield (f"{here}.path", *place), "a check of type 'file' needs a path"
    if kind == "redis" and url and scheme_of(url) not in REDIS:
        yield place, "expected a URL that starts with redis://, rediss:// or unix://"
    if kind == "redis" and not url and not _has_redis(settings):
        yield (*place, "rate_limit.store"), "a check of type 'redis' needs a url, since rate_limit.store is no Redis"
    if kind == "postgres" and check.pool not in settings.pools:
        sentence = f"there is no pool {check.pool!r}{nearest(check.pool, settings.pools)}"
        yield (f"{here}.pool", f"{here}.type", here), sentence


def check_names(settings: Settings) -> set[str]:
    """All checks there will be: the named ones, and those the guard adds by itself."""
    pools = {"postgres" if name == "main" else f"postgres-{name}" for name in settings.pools}
    return {"system", "disk", *(["redis"] if _has_redis(settings) else []), *pools, *settings.health.checks}


def _has_redis(settings: Settings) -> bool:
    """Whether there is a store to ping. guard.layers has no say: it is one instance's, and files are shared."""
    return "://" in settings.rate_limit.store.reveal()


def circles(needs: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Each circle once, as a path of names that ends where it began."""
    told: set[str] = set()
    for start in needs:
        circle = [] if start in told else _way_back(start, needs)
        told.update(circle)
        if circle:
            yield circle


def _way_back(start: str, needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The shortest path from `start` to itself, empty when there is none."""
    ways, seen = [[start]], {start}
    for way in ways:  # grows as it is walked: breadth first, each name once
        for need in needs.get(way[-1], ()):
            if need == start:
                return [*way, start]
            if need not in seen:
                seen.add(need)
                ways.append([*way, need])
    return []
