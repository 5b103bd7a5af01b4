"""Variables that operators know from other programs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.asking import told
from wsgi_guard.settings import Settings, load

PG = "postgresql://app@db/shop"

# Variables, and the URL of the pool main; None when there is none.
POOLS: list[tuple[dict[str, str], str | None]] = [
    ({"DATABASE_URL": PG}, PG),
    ({"DATABASE_URL": "postgres://app@db/shop"}, PG),
    ({"DATABASE_URL": "POSTGRES://app@db/shop"}, PG),
    ({"DATABASE_URL": "postgresql+psycopg://app@db/shop"}, PG),
    ({"DATABASE_URL": "postgresql+psycopg2://app@db/shop"}, PG),
    ({"DATABASE_URL": "postgis://app@db/shop"}, PG),
    ({"DATABASE_URL": "postgresql://a:5432,b:5433/shop?sslmode=require"}, "postgresql://a:5432,b:5433/shop?sslmode=require"),
    ({"DATABASE_URL": "postgresql:///shop?host=/var/run"}, "postgresql:///shop?host=/var/run"),
    ({"DATABASE_URL": PG, "DB_HOST": "other", "DB_PORT": "x"}, PG),
    ({"DATABASE_URL": PG, "DB_TYPE": "postgresql"}, PG),
    ({"DATABASE_URL": PG, "DB_TYPE": "django.db.backends.postgresql"}, PG),
    ({"DATABASE_URL": "mysql://app@db/shop"}, None),
    ({"DATABASE_URL": "mysql+pymysql://app@db/shop", "DB_HOST": "db"}, None),
    ({"DATABASE_URL": "sqlite:///shop.db"}, None),
    ({"DATABASE_URL": "shop.db"}, None),
    ({"DATABASE_URL": PG, "DB_TYPE": "mysql"}, None),
    ({"DB_HOST": "db", "DB_TYPE": "mysql"}, None),
    ({"DATABASE_URL": ""}, None),
    ({}, None),
    ({"DB_HOST": "db"}, "postgresql://db/"),
    ({"DB_HOST": "db", "DB_PORT": "5433", "DB_NAME": "shop", "DB_USER": "app"}, "postgresql://app@db:5433/shop"),
    ({"DB_NAME": "shop", "DB_USER": "app"}, "postgresql://app@/shop"),
    ({"DB_NAME": "shop"}, None),
    ({"DB_USER": "app", "DB_PASSWORD": "x"}, None),
    ({"DB_PORT": "tcp://10.0.0.1:5432"}, None),
    ({"DB_HOST": "db", "DB_USER": "app", "DB_PASSWORD": "pw"}, "postgresql://app:pw@db/"),
    ({"DB_HOST": "db", "DB_USER": "app", "DB_PASS": "pw"}, "postgresql://app:pw@db/"),
    ({"DB_HOST": "db", "DB_USER": "app", "DB_PASSWORD": "strong", "DB_PASS": "weak"}, "postgresql://app:strong@db/"),
    ({"DB_HOST": "db", "DB_USER": "a@b", "DB_PASSWORD": "p@ss:w/ö %?#"}, "postgresql://a%40b:p%40ss%3Aw%2F%C3%B6%20%25%3F%23@db/"),
    ({"DB_HOST": "db", "DB_PASSWORD": "p&x"}, "postgresql://db/?password=p%26x"),
    ({"DB_HOST": "::1", "DB_PORT": "5432", "DB_NAME": "shop"}, "postgresql://[::1]:5432/shop"),
    ({"DB_HOST": "/var/run/postgresql", "DB_NAME": "a b"}, "postgresql://%2Fvar%2Frun%2Fpostgresql/a%20b"),
    ({"DB_MAX_CONN": "7", "DB_MIN_CONN": "x", "DB_CONNECTION_TIMEOUT": "y"}, None),
]  # fmt: skip

STORES: list[tuple[dict[str, str], str]] = [
    ({}, "auto"),
    ({"REDIS_URL": "redis://h:6379/1"}, "redis://h:6379/1"),
    ({"REDIS_URL": "REDISS://h"}, "rediss://h"),
    ({"REDIS_URL": "unix:///run/redis.sock?db=1"}, "unix:///run/redis.sock?db=1"),
    ({"REDIS_URL": "redis://weak", "RATE_LIMIT_STORAGE_URL": "redis://strong"}, "redis://strong"),
    ({"REDIS_URL": "redis://h", "RATE_LIMIT_STORAGE_URL": "memory://"}, "memory"),
    ({"REDIS_URL": "redis://h", "RATE_LIMIT_STORAGE_URL": ""}, "redis://h"),
    ({"REDIS_URL": "redis://h", "WSGI_GUARD_RATE_LIMIT__STORE": "auto"}, "redis://h"),
    ({"REDIS_URL": "redis://h", "WSGI_GUARD_RATE_LIMIT__STORE": "memory"}, "memory"),
    ({"REDIS_URL": "redis://h", "WSGI_GUARD_RATE_LIMIT__STORE": "redis://own"}, "redis://own"),
    ({"RATE_LIMIT_STORAGE_URL": "memcached://h", "WSGI_GUARD_RATE_LIMIT__STORE": "memory"}, "memory"),
    ({"WSGI_GUARD_RATE_LIMIT__STORE": "auto"}, "auto"),
    ({"WSGI_GUARD_RATE_LIMIT__STORE": "memory://"}, "memory"),
]


def pool_url(settings: Settings) -> str | None:
    main = settings.pools.get("main")
    return main.url.reveal() if main and main.url else None


@pytest.mark.parametrize(("environ", "url"), POOLS)
def test_database_variables_make_the_pool(environ: dict[str, str], url: str | None) -> None:
    settings = load(environ=environ)
    assert pool_url(settings) == url
    assert list(settings.pools) == (["main"] if url else [])
    other = "mysql" in str(environ) or "shop.db" in str(environ)
    assert len(settings.notes) == other
    assert len(POOLS) == 33


def test_another_database_is_one_note() -> None:
    settings = load(environ={"DATABASE_URL": "mysql://app:secret@db/shop", "DB_TYPE": "mysql", "DB_MAX_CONN": "5"})
    assert settings.notes == ("DB_TYPE is not Postgres: no pool is made of the database variables",)


@pytest.mark.parametrize(("environ", "store"), STORES)
def test_redis_variables_choose_the_store(environ: dict[str, str], store: str) -> None:
    assert load(environ=environ).rate_limit.store.reveal() == store
    assert len(STORES) == 13


def test_auto_in_the_file_still_finds_redis() -> None:
    Path("wsgi_guard.toml").write_text("[rate_limit]\nstore = 'auto'")
    settings = load({"rate_limit": {"store": "auto"}}, environ={"REDIS_URL": "redis://h"})
    assert settings.rate_limit.store.reveal() == "redis://h"
    assert settings.origins["rate_limit.store"] == "variable REDIS_URL"


def test_pool_sizes_come_along() -> None:
    environ = {"DATABASE_URL": PG, "DB_MIN_CONN": "2", "DB_MAX_CONN": " 7 ", "DB_CONNECTION_TIMEOUT": "3"}
    main = load(environ={**environ, "DB_POOL_SIZE": "99"}).pools["main"]
    assert (main.min_size, main.max_size, main.timeout) == (2, 7, 3.0)
    assert load(environ={"DATABASE_URL": PG, "DB_POOL_SIZE": "9"}).pools["main"].max_size == 9


def test_pool_sizes_serve_a_pool_of_the_file() -> None:
    source = {"pools": {"main": {"url": PG, "min_size": 3}}}
    main = load(source, environ={"DB_MIN_CONN": "1", "DB_MAX_CONN": "7"}).pools["main"]
    assert (main.min_size, main.max_size) == (3, 7)


def test_other_known_variables() -> None:
    settings = load(environ={"SENTRY_DSN": "https://key@sentry.example/1", "HEALTH_CHECK_INTERVAL": "12"})
    assert settings.capture.sentry_dsn is not None
    assert settings.capture.sentry_dsn.reveal() == "https://key@sentry.example/1"
    assert settings.health.interval == 12.0


WRONG: list[tuple[dict[str, str], str]] = [
    ({"HEALTH_CHECK_INTERVAL": "soon"}, "variable HEALTH_CHECK_INTERVAL: expected a time such as 30"),
    ({"HEALTH_CHECK_INTERVAL": "0"}, "variable HEALTH_CHECK_INTERVAL: expected 0.1 to 2678400 seconds"),
    ({"RATE_LIMIT_STORAGE_URL": "memcached://h"}, "variable RATE_LIMIT_STORAGE_URL: expected auto, memory, shared"),
    ({"REDIS_URL": "h:6379"}, "variable REDIS_URL: expected auto, memory, shared"),
    ({"SENTRY_DSN": "sentry"}, "variable SENTRY_DSN: expected a DSN"),
    ({"DATABASE_URL": PG, "DB_MAX_CONN": "many"}, "variable DB_MAX_CONN: expected an integer, not 'many'"),
    ({"DATABASE_URL": PG, "DB_MIN_CONN": "20"}, "variable DB_MIN_CONN: min_size is 20, more than max_size, which is"),
    ({"DB_HOST": "db", "DB_PORT": "tcp://10.0.0.1:5432"}, "variables DB_HOST, DB_PORT: expected a port of 1 to 65535"),
    ({"DB_HOST": "db", "DB_PORT": "70000"}, "variables DB_HOST, DB_PORT: expected a port of 1 to 65535"),
    ({"DATABASE_URL": "env:NOWHERE"}, "variable DATABASE_URL: variable NOWHERE is not set"),
]


@pytest.mark.parametrize(("environ", "sentence"), WRONG)
def test_a_wrong_known_variable_is_named(environ: dict[str, str], sentence: str) -> None:
    (problem,) = told(None, environ)
    assert problem.startswith(sentence)
    assert len(WRONG) == 10


def test_a_wrong_one_that_is_overridden_is_no_problem() -> None:
    environ = {"HEALTH_CHECK_INTERVAL": "soon", "REDIS_URL": "memcached://h", "DB_MAX_CONN": "x", "SENTRY_DSN": "x"}
    source = {"health": {"interval": 5}, "rate_limit": {"store": "memory"}, "capture": {"sentry_dsn": ""}}
    assert load(source, environ=environ).health.interval == 5.0


def test_a_password_that_is_no_utf8_keeps_its_bytes() -> None:
    url = pool_url(load(environ={"DB_HOST": "db", "DB_USER": "app", "DB_PASSWORD": "caf\udce9"}))
    assert url == "postgresql://app:caf%E9@db/"


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_login_survives_the_url(user: str, password: str) -> None:
    url = pool_url(load(environ={"DB_HOST": "db", "DB_USER": user, "DB_PASSWORD": password}))
    assert url is not None
    parts = urlsplit(url)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert parts.hostname == "db"
