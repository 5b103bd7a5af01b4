from __future__ import annotations

import pytest

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.sections import RateLimitSection
from wsgi_guard.stores import open_store

CASES = {
    "auto": "memory",
    "memory": "memory",
    "redis://127.0.0.1:1/0": "redis",
    "rediss://user:secret@redis.example:6380/1?ssl_cert_reqs=required": "redis",
    "unix:///run/redis.sock?db=1": "redis",
}


@pytest.mark.parametrize("url", CASES)
def test_url_names_the_store(url: str) -> None:
    store = open_store(RateLimitSection(store=Secret(url)))
    assert store.name == CASES[url]
    store.close()


@pytest.mark.parametrize("url", ["", "shared", "memcached://:hunter2@host", "http://hunter2"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"rate_limit\.store") as caught:
        open_store(RateLimitSection(store=Secret(url)))
    assert "hunter2" not in str(caught.value)
