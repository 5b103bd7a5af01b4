"""Trees as TOML could hold them: near to settings, and far from them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from wsgi_guard.settings.read import keys_of
from wsgi_guard.settings.sections import Settings

# Words that mean something somewhere, so that more than one key in a thousand is right.
WORDS = (
    "", "auto", "memory", "shadow", "enforce", "off", "block", "ip", "user", "header:x", "a:b", "10/5m", "1/s; 2/m",
    "5 minutes", "1 MiB", "128 KiB", "/", "/a", "/a/{b}", "GET", "10.0.0.0/8", "unix", "::1/64", "sqli", "body", "http",
    "disk", "redis", "postgres", "redis://h", "postgresql://h", "http://h", "http://[", "env:A", "file:b", "env:",
    "main", "ready", "system", "0123456789abcdef", "local", "rate_limit", "https://k@h/1",
)  # fmt: skip
SCALARS = (
    st.sampled_from(WORDS)
    | st.text(max_size=12)
    | st.integers(-5, 200)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes()
    | st.times()
)
KEYS = st.text(max_size=6) | st.sampled_from(sorted(keys_of(Settings)))
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
NAMES = st.sampled_from(("main", "a", "b", "c", "orders-api", "a b"))


def near(section: type) -> st.SearchStrategy[dict[str, Any]]:
    """Tables whose keys are mostly known, with values that may be right."""
    keys = {}
    for name, about in keys_of(section).items():
        kind, within = about.metadata["kind"], about.metadata.get("section", Settings)
        if kind == "table":
            keys[name] = near(within) | ANYTHING
        elif kind == "named":
            keys[name] = st.dictionaries(NAMES, near(within), max_size=3) | ANYTHING
        elif kind == "listed":
            keys[name] = st.lists(near(within), max_size=3) | ANYTHING
        else:
            words = st.sampled_from(about.metadata["choices"]) if about.metadata["choices"] else SCALARS
            keys[name] = words | SCALARS | st.lists(words | SCALARS, max_size=3) | ANYTHING
    return st.fixed_dictionaries({}, optional=keys)


def trees() -> st.SearchStrategy[dict[str, Any]]:
    return near(Settings) | st.dictionaries(KEYS, ANYTHING, max_size=4)


def small_tables() -> st.SearchStrategy[dict[str, Any]]:
    """One key, so that it is right rather often; only values that JSON knows too."""
    plain = st.sampled_from(WORDS) | st.text(max_size=5) | st.integers(0, 200) | st.floats(0, 99) | st.booleans()
    value = plain | st.lists(plain, max_size=2)

    def table(section: type) -> st.SearchStrategy[dict[str, Any]]:
        single = []
        for name, about in keys_of(section).items():
            kind, within = about.metadata["kind"], about.metadata.get("section", Settings)
            if kind == "table":
                inner: st.SearchStrategy[Any] = table(within)
            elif kind == "named":
                inner = st.dictionaries(NAMES, completed(within), max_size=1)
            elif kind == "listed":
                inner = st.lists(completed(within), max_size=1)
            else:
                inner = value | st.sampled_from(about.metadata["choices"] or ("",))
            single.append(st.fixed_dictionaries({name: inner}))
        return st.one_of(single)

    return table(Settings)


def completed(section: type) -> st.SearchStrategy[dict[str, Any]]:
    bases: dict[str, dict[str, Any]] = {
        "RuleSection": {"name": "one", "limit": "1/s"},
        "ExcludeSection": {"path": "/a"},
        "CheckSection": {"type": "disk"},
        "PoolSection": {"url": "postgresql://h"},
        "CategorySection": {},
        "RouteSection": {"channels": "slack"},
        "AlertRuleSection": {"name": "one", "count": 1},
    }
    base = bases[section.__name__]
    plain = st.sampled_from(WORDS) | st.integers(0, 200) | st.lists(st.sampled_from(WORDS), max_size=2)
    changes = st.dictionaries(st.sampled_from(sorted(keys_of(section))), plain, max_size=1)
    return changes.map(lambda made: {**base, **made})
