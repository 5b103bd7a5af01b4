"""What must hold between settings, once each of them is right by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from .sections import CheckSection, RuleSection, Settings
from .wording import nearest, one_of

BUILTIN_RULES = ("api_general", "authentication", "file_upload", "ai_processing", "admin")
# 128 bits in hexadecimal are 32 characters, in base64 22; 16 is the least that nobody guesses online.
SHORTEST_TOKEN = 16


def relations(settings: Settings) -> Iterator[str]:
    """A sentence for each thing that contradicts another."""
    yield from _rules(settings.rate_limit.rules)
    yield from _pools(settings)
    yield from _admin(settings)
    yield from _health(settings)
    if settings.guard.layers is not None:
        yield from _left_out(settings, settings.guard.layers)


def _said(settings: Settings, key: str) -> str:
    """A key and who gave it."""
    return f"{settings.origins.get(key, 'default')} {key}"


def _rules(rules: tuple[RuleSection, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for at, rule in enumerate(rules, 1):
        place = f"rate_limit.rules #{at} {rule.name!r}"
        if rule.name in BUILTIN_RULES:
            yield f"{place}: the name belongs to a built-in rule; choose another"
        elif rule.name in seen:
            yield f"{place}: a second rule of this name; names must be unique"
        seen.add(rule.name)
        if not rule.limit and not rule.exempt:
            yield f'{place}: limit is missing; it needs one such as "10 per minute", unless it says exempt = true'
        if rule.limit and rule.exempt:
            yield f"{place}: exempt = true and a limit contradict each other"
        if rule.exempt and rule.path == ():
            yield f"{place}: exempt = true with path = [] matches nothing"


def _pools(settings: Settings) -> Iterator[str]:
    for name, pool in settings.pools.items():
        if pool.min_size > pool.max_size:
            place = _said(settings, f"pools.{name}.min_size")
            yield f"{place}: {pool.min_size} is more than max_size, which is {pool.max_size}"


def _admin(settings: Settings) -> Iterator[str]:
    token = settings.admin.token
    if token is not None and len(token.reveal()) < SHORTEST_TOKEN:
        yield f"{_said(settings, 'admin.token')}: expected at least {SHORTEST_TOKEN} characters"
    if settings.admin.allow and settings.guard.trusted_proxies is None:
        place = _said(settings, "admin.allow")
        yield f"{place}: needs guard.trusted_proxies stated, [] if there is no proxy: an address behind one is nobody's"


def _health(settings: Settings) -> Iterator[str]:
    health = settings.health
    paths = [path for path in (health.livez, health.readyz, health.health) if path is not None]
    if len(set(paths)) < len(paths):
        yield "health: livez, readyz and health must be three different paths"
    known = _check_names(settings)
    for name, check in health.checks.items():
        yield from _check(settings, f"health.checks.{name}", check, known)
    circle = _circle({name: check.needs for name, check in health.checks.items()})
    if circle:
        yield f"health.checks: {' needs '.join(map(repr, circle))}, which is a circle"


def _check(settings: Settings, place: str, check: CheckSection, known: set[str]) -> Iterator[str]:
    place = _said(settings, place).replace("default ", "")
    for need in check.needs:
        if need not in known:
            yield f"{place}: needs {need!r}, which is no check{nearest(need, known)}; known are {one_of(sorted(known))}"
    if check.type == "http":
        url = check.url.reveal() if check.url else ""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            yield f"{place}: type http needs a url that starts with http:// or https://"
    if check.type == "postgres" and check.pool not in settings.pools:
        yield f"{place}: there is no pool {check.pool!r}{nearest(check.pool, settings.pools)}"
    if check.type == "redis" and check.url is None and "redis" not in known:
        yield f"{place}: type redis needs a url, or a redis store in rate_limit.store"


def _check_names(settings: Settings) -> set[str]:
    """All checks there will be: the named ones, and those the guard adds by itself."""
    names = {"system", "disk", *settings.health.checks}
    if "://" in settings.rate_limit.store.reveal():
        names.add("redis")
    return names | {"postgres" if name == "main" else f"postgres-{name}" for name in settings.pools}


def _circle(needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A path of names that ends where it began; empty when there is none."""
    done: set[str] = set()
    for start in needs:
        trail: list[str] = []
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            name, at = stack.pop()
            del trail[at:]
            if name in trail:
                return [*trail[trail.index(name) :], name]
            if name in done and name != start:
                continue
            trail.append(name)
            stack.extend((need, at + 1) for need in needs.get(name, ()))
        done.add(start)
    return []


def _left_out(settings: Settings, layers: tuple[str, ...]) -> Iterator[str]:
    """Tables whose layer guard.layers leaves out would be settings that nothing reads."""
    for table in ("rate_limit", "validation", "health"):
        written = [key for key in settings.origins if key.startswith(f"{table}.")]
        asked = [key for key in written if not settings.origins[key].startswith("variable")]
        if asked and table not in layers:
            yield f"{_said(settings, asked[0])}: the layer {table} is left out by guard.layers, so this has no effect"
