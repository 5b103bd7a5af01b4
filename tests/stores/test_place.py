"""Which store the settings mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import RateLimitSection
from wsgi_guard.stores import Place
from wsgi_guard.stores.shared import SharedTable

CASES = {
    "auto": "memory",
    "memory": "memory",
    "shared": "shared",
    "redis://127.0.0.1:1/0": "redis",
    "rediss://user:secret@redis.example:6380/1?ssl_cert_reqs=required": "redis",
    "unix:///run/redis.sock?db=1": "redis",
}


def _place(store: str, table: SharedTable | None = None) -> Place:
    return Place(RateLimitSection(store=Secret(store), max_keys=64), lambda: table)


@pytest.mark.parametrize("url", CASES)
def test_url_names_the_store(url: str) -> None:
    place = _place(url)
    assert place.open().name == CASES[url]
    assert place.remote == (CASES[url] == "redis")
    assert place.open() is place.open()
    place.open().close()


@pytest.mark.parametrize("url", ["memcached://:hunter2@host", "http://hunter2"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"rate_limit\.store") as caught:
        _place(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("written", ["auto", "shared"])
def test_table_of_the_host_is_used_by_all(written: str) -> None:
    table = SharedTable.create(64)
    place = _place(written, table)
    assert place.open().name == "shared"
    assert not place.alone
    assert "shared by the processes of this host" in place.why()


def test_memory_of_one_process_is_told_to_be_alone() -> None:
    assert _place("auto").alone
    assert "there are no gunicorn hooks" in _place("auto").why()


def test_reason_names_who_gave_the_url() -> None:
    place = Place(RateLimitSection(store=Secret("redis://127.0.0.1:1/0")), lambda: None, "variable REDIS_URL")
    assert place.why().endswith("as rate_limit.store is a Redis URL, from variable REDIS_URL")
    place.open().close()


def test_table_made_by_the_process_that_uses_it_has_no_sharers() -> None:
    assert _place("shared").alone


def test_named_file_is_shared_by_whoever_opens_it(tmp_path: Path) -> None:
    place = _place(f"shared:{tmp_path}/limits")
    assert (place.open().name, place.alone) == ("shared", False)


def test_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    path.write_bytes(b"something else")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="remove it"):
        _place(f"shared:{path}")
    path.unlink()
    path.touch(mode=0o644)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="closed to others"):
        _place(f"shared:{path}")


@pytest.mark.parametrize("where", ["shared", "shared:{folder}/table"])
def test_more_keys_than_memory_is_refused_with_the_reason(where: str, tmp_path: Path) -> None:
    section = RateLimitSection(store=Secret(where.format(folder=tmp_path)), max_keys=10**15)
    with pytest.raises(ConfigurationError, match=r"rate_limit\.max_keys: no shared memory for"):
        Place(section, lambda: None)
