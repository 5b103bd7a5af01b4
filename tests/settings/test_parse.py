"""What people write for times, sizes, limits, networks, keys and names."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.asking import table
from wsgi_guard.settings import load
from wsgi_guard.settings.fields import MONTH
from wsgi_guard.settings.quantities import BYTES, SECONDS, duration, limits, size
from wsgi_guard.settings.sections import Limit, Settings

DURATIONS = [
    (30, 30.0), (0.1, 0.1), ("10", 10.0), ("500 ms", 0.5), ("500ms", 0.5), ("3 ms", 0.003), ("1.5 s", 1.5),
    ("1 second", 1.0), ("2 Seconds", 2.0), ("5 minutes", 300.0), ("5m", 300.0), ("1 hour", 3600.0), ("2d", 172800.0),
    ("1 week", 604800.0), (" 7 days ", 604800.0), (0, 0.0), ("0", 0.0), ("90 min", 5400.0), ("0.5 h", 1800.0),
]  # fmt: skip
SIZES = [
    (1024, 1024), ("1 MiB", 1048576), ("128 KiB", 131072), ("128kib", 131072), ("10 MB", 10_000_000),
    ("10kB", 10_000), ("1 GiB", 1024**3), ("512", 512), ("512 bytes", 512), ("1 byte", 1), ("64 B", 64),
    ("1.5 KiB", 1536), (2048.0, 2048), (0, 0),
]  # fmt: skip
LIMITS: list[tuple[Any, tuple[tuple[int, int], ...]]] = [
    ("10 per 5 minutes", ((10, 300),)),
    ("10/5m", ((10, 300),)),
    ("10 / 5 m", ((10, 300),)),
    ("1000 per hour", ((1000, 3600),)),
    ("10/second", ((10, 1),)),
    ("10per 2 seconds", ((10, 2),)),
    ("10 per second; 1000 per hour", ((10, 1), (1000, 3600))),
    (["10 per second", "1000 per hour"], ((10, 1), (1000, 3600))),
    (["1/s; 5/m", "9 per day"], ((1, 1), (5, 60), (9, 86400))),
    ("0 per hour", ((0, 3600),)),
    ("1000000000 per 31 days", ((10**9, 31 * 86400),)),
    ("5 per 1.5 minutes", ((5, 90),)),
    ("5 per 1000 ms", ((5, 1),)),
]
VALUES: list[tuple[str, object, object]] = [
    ("guard.trusted_proxies", "10.1.2.3/8", (ip_network("10.0.0.0/8"),)),
    ("guard.trusted_proxies", ["127.0.0.1", "::1", "unix"], (ip_network("127.0.0.1"), ip_network("::1"), "unix")),
    ("guard.trusted_proxies", ["10.0.0.0/8", "10.0.0.1/8"], (ip_network("10.0.0.0/8"),)),
    ("guard.trusted_proxies", [], ()),
    ("guard.trusted_proxies", None, None),
    ("guard.forwarded_header", "CF-Connecting-IP", "cf-connecting-ip"),
    ("guard.identity", "shop.auth:Users.who", "shop.auth:Users.who"),
    ("guard.identity", "", None),
    ("guard.layers", [], ()),
    ("guard.layers", "health", ("health",)),
    ("guard.layers", ["health", "health"], ("health",)),
    ("rate_limit.ipv6_prefix", 128, 128),
    ("validation.threats.classes", [], ()),
    ("health.livez", "", None),
    ("health.health", "/.well-known/health", "/.well-known/health"),
    ("capture.redact", "x-session", ("x-session",)),
    ("capture.sentry_dsn", "", None),
    ("admin.token", None, None),
]
RULE_VALUES: list[tuple[str, object, object]] = [
    ("path", "/a", ("/a",)),
    ("path", ["/a", "/b/{rest+}"], ("/a", "/b/{rest+}")),
    ("path", [], ()),
    ("methods", "post", ("POST",)),
    ("methods", ["get", "Post"], ("GET", "POST")),
    ("key", "ip", ("ip",)),
    ("key", ["ip", "header:X-Api-Key"], ("ip", "header:x-api-key")),
    ("key", "shop.auth:Tenant", ("shop.auth:Tenant",)),
    ("key", ["user", "endpoint"], ("user", "endpoint")),
    ("on_store_failure", "deny", "deny"),
]


def at(settings: Settings, path: str) -> Any:
    found: Any = settings
    for key in path.split("."):
        found = getattr(found, key)
    return found


@pytest.mark.parametrize(("written", "seconds"), DURATIONS)
def test_times_are_seconds(written: object, seconds: float) -> None:
    assert load({"guard": {"drain": 0}, "health": {"interval": 1}}, environ={}).health.interval == 1.0
    assert duration(written, 0, MONTH) == seconds


@pytest.mark.parametrize(("written", "amount"), SIZES)
def test_sizes_are_bytes(written: object, amount: int) -> None:
    assert load(table("validation.max_body", written), environ={}).validation.max_body == amount


@pytest.mark.parametrize(("written", "expected"), LIMITS)
def test_limits_read_as_written(written: object, expected: tuple[tuple[int, int], ...]) -> None:
    rules = [{"name": "one", "limit": written}]
    (rule,) = load({"rate_limit": {"rules": rules}}, environ={}).rate_limit.rules
    assert tuple((limit.quantity, limit.window) for limit in rule.limit) == expected


@pytest.mark.parametrize(("path", "written", "expected"), VALUES)
def test_values_take_their_form(path: str, written: object, expected: object) -> None:
    assert at(load(table(path, written), environ={}), path) == expected


@pytest.mark.parametrize(("name", "written", "expected"), RULE_VALUES)
def test_rule_values_take_their_form(name: str, written: object, expected: object) -> None:
    rules = ({"name": "one", "limit": "1/s", name: written},)
    (rule,) = load({"rate_limit": {"rules": rules}}, environ={}).rate_limit.rules
    assert getattr(rule, name) == expected


def test_paths_may_be_path_objects(empty_folder: Path) -> None:
    settings = load({"validation": {"schemas": Path("schemas")}}, environ={})
    assert settings.validation.schemas == str(empty_folder / "schemas")


def test_tables_of_cases_are_whole() -> None:
    assert (len(DURATIONS), len(SIZES), len(LIMITS), len(VALUES), len(RULE_VALUES)) == (19, 14, 13, 18, 10)


# Units of a second and more, that a limit may have.
WHOLE_UNITS = sorted(unit for unit, seconds in SECONDS.items() if unit and seconds >= 1)


@given(st.integers(0, 40), st.sampled_from(sorted(SECONDS)))
def test_any_time_reads_back(number: int, unit: str) -> None:
    seconds = number * SECONDS[unit]
    if seconds <= MONTH:
        assert duration(f"{number} {unit}", 0, MONTH) == pytest.approx(seconds)
        assert round(duration(seconds, 0, MONTH), 9) == duration(f"{seconds:.9f}", 0, MONTH)


@given(st.integers(0, 1023), st.sampled_from(sorted(BYTES)))
def test_any_size_reads_back(number: int, unit: str) -> None:
    assert size(f"{number}{unit}", 0, 10**13) == number * BYTES[unit]


@given(st.integers(0, 10**9), st.integers(1, 4), st.sampled_from(WHOLE_UNITS), st.sampled_from(["per", "/"]))
def test_any_limit_reads_back(quantity: int, number: int, unit: str, between: str) -> None:
    (limit,) = limits(f"{quantity} {between} {number} {unit}")
    assert limit == Limit(quantity, int(number * SECONDS[unit]))
    assert limits(f"{limit.quantity}/{limit.window}s") == (limit,)


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{1,3} ?(per|/) ?[0-9]? ?[a-z]{1,4}", fullmatch=True))
def test_any_text_is_a_limit_or_refused(written: str) -> None:
    try:
        found = limits(written)
    except ValueError as error:
        assert error.args
    else:
        assert found and all(0 <= limit.window <= 31 * 86400 for limit in found)
