"""Spellings of one path, sent raw to servers that decode each in their own way: none slips past a rule or a schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .servers import Running, running

pytestmark = pytest.mark.live

# uWSGI gives such a target whole as PATH_INFO: a path that no app has.
ABSOLUTE = "http://live.test/private/area"
SPELLINGS = [
    "/private/area",
    "/private/area?x=/public",
    "/private/area/",
    "//private/area",
    "/private//area",
    "///private///area//",
    "/./private/area",
    "/private/./area",
    "/private/area/.",
    "/public/../private/area",
    "/private/public/../area",
    "/public/%2e%2e/private/area",
    "/public/.%2E/private/area",
    "/private/%2e/area",
    "/private%2Farea",
    "/private%2farea",
    "/private%252Farea",
    "/private%25252Farea",
    "/%70rivate/are%61",
    "/%2570rivate/area",
    "/public%2f..%2fprivate/area",
    "/private/area;v=1",
    "/private;v=1/area",
    "/private/area%3Bv=1",
    "/private/area;/",
    ABSOLUTE,
]
SETTINGS = """
[rate_limit]
builtin_rules = "off"
[[rate_limit.rules]]
name = "private-area"
path = "/private/area"
limit = "100000 per hour"
[validation]
schemas = "schemas"
[validation.threats]
mode = "off"
"""
SCHEMA = '{"type": "object", "required": ["name"]}'


@pytest.fixture(scope="module", params=["gunicorn-sync", "waitress", "uwsgi", "cheroot", "werkzeug"])
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def site(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("paths")
    (folder / "wsgi_guard.toml").write_text(SETTINGS)
    schema = folder / "schemas" / "private" / "area" / "POST.json"
    schema.parent.mkdir(parents=True)
    schema.write_text(SCHEMA)
    with running(name, "tests.live.configured:application", folder=folder) as running_site:
        yield running_site


def test_table_of_spellings_is_whole() -> None:
    assert len(set(SPELLINGS)) == 26


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling_slips_past_nothing(site: Running, name: str, spelling: str) -> None:
    """A server may refuse a spelling itself; what it lets through is counted and checked."""
    if (name, spelling) == ("uwsgi", ABSOLUTE):
        return
    read = site.get(spelling)
    if read.status != 400 or read.get("X-Request-ID"):
        assert "private-area" in (read.get("RateLimit-Policy") or "")
    written = site.ask("POST", spelling, {"Content-Type": "application/json"}, b"{}")
    assert written.status == 400
    if written.get("X-Request-ID"):
        assert "private-area" in (written.get("RateLimit-Policy") or "")


@pytest.mark.parametrize("other", ["/", "/private", "/private/area/more", "/private-area", "/public/private/area"])
def test_other_path_stays_free(site: Running, other: str) -> None:
    assert site.get(other).get("RateLimit-Policy") is None
    assert site.ask("POST", other, {"Content-Type": "application/json"}, b"{}").status == 404
