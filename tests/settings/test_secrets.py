"""Secrets: where they may stand, and that none is ever shown."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.asking import table, told
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import Secret, as_text, load

PLANTED = "s3cr3t-s3cr3t-s3cr3t"


def test_a_secret_does_not_print_itself() -> None:
    secret = Secret(PLANTED)
    assert (repr(secret), str(secret), f"{secret}", f"{[secret]}") == ("***", "***", "***", "[***]")
    assert secret.reveal() == PLANTED
    assert secret == Secret(PLANTED) != Secret("other")
    assert len({secret, Secret(PLANTED)}) == 1
    assert secret != PLANTED
    assert pickle.loads(pickle.dumps(secret)) == secret  # noqa: S301  (our own bytes)


def test_secrets_come_from_variables_and_files(empty_folder: Path) -> None:
    Path("token").write_text(f"{PLANTED}\n")
    (empty_folder / "deploy").mkdir()
    Path("deploy/url").write_bytes(b"postgres://u:p@h/d\r\n")
    Path("deploy/guard.toml").write_text("[pools.main]\nurl = 'file:url'\n[rate_limit]\nstore = 'env:THE_STORE'")
    environ = {"THE_STORE": "REDIS://h", "WSGI_GUARD_ADMIN__TOKEN": "file:token"}
    settings = load("deploy/guard.toml", environ=environ)
    assert settings.pools["main"].url == Secret("postgresql://u:p@h/d")
    assert settings.rate_limit.store == Secret("redis://h")
    assert settings.admin.token == Secret(PLANTED)
    absolute = load({"admin": {"token": f"file:{empty_folder / 'token'}"}}, environ={})
    assert absolute.admin.token == Secret(PLANTED)


MISSING: list[tuple[str, str]] = [
    ("env:ADMIN_TOKEN", "variable ADMIN_TOKEN is not set"),
    ("env:EMPTY", "variable EMPTY is empty"),
    ("env:", "expected env:NAME or file:/path"),
    ("env:A B", "expected env:NAME or file:/path"),
    ("file:none", "/none' cannot be read: No such file or directory"),
    ("file:", "cannot be read: Is a directory"),
    ("file:empty", "/empty' is empty"),
    ("file:latin", "/latin' is not UTF-8 text"),
    ("file:large", "/large' is larger than 65536 bytes"),
    ("file:a\0b", "cannot be read: ValueError"),
    ("env:CONTROL", "expected a line of text without control characters"),
    ("file:lines", "expected a line of text without control characters"),
    ("env:SHORT", "expected at least 16 characters"),
]


@pytest.mark.parametrize(("written", "sentence"), MISSING)
def test_a_missing_secret_is_a_problem(written: str, sentence: str) -> None:
    Path("empty").write_text("\n")
    Path("latin").write_bytes(b"caf\xe9-s3cr3t")
    Path("large").write_bytes(b"x" * 65537)
    Path("lines").write_text(f"{PLANTED}\n{PLANTED}\n")
    (problem,) = told({"admin": {"token": written}}, {"EMPTY": "", "CONTROL": f"{PLANTED}\x00", "SHORT": "s3cr3t"})
    assert problem.startswith("argument admin.token: ")
    assert sentence in problem
    assert "s3cr3t" not in problem
    assert len(MISSING) == 13


def test_references_that_are_overridden_are_not_followed() -> None:
    Path("wsgi_guard.toml").write_text("[admin]\ntoken = 'env:NOWHERE'\n[env.dev.pools.main]\nurl = 'file:nowhere'")
    assert load({"admin": {"token": PLANTED}}, environ={}).admin.token == Secret(PLANTED)


SECRET_KEYS = ("rate_limit.store", "capture.sentry_dsn", "admin.token", "pools.main.url", "health.checks.a.url")


@pytest.mark.parametrize("path", SECRET_KEYS)
@pytest.mark.parametrize(
    "value",
    [
        PLANTED, f"redis://u:{PLANTED}@h:x/", f"postgresql://u:{PLANTED}@h:x/", f"http://u:{PLANTED}@[h", [PLANTED],
        {"a": PLANTED}, {PLANTED: 1}.values(), f"env:{PLANTED}", f"redis://{PLANTED}\0", f"s3cr3t {PLANTED}",
        f"unix//{PLANTED}", f"mysql://{PLANTED}", (PLANTED, 5), f"https://{PLANTED}@sentry.example/1",
        f"redis://:{PLANTED}@h", f"postgres://:{PLANTED}@h",
    ],
)  # fmt: skip
def test_no_message_shows_a_secret(path: str, value: object) -> None:
    source = table(path, value)
    if path.startswith("health"):
        source["health"]["checks"]["a"]["type"] = "http"
    environ = {f"WSGI_GUARD_{path.upper().replace('.', '__')}": str(value)}
    for shown in (everything_said(source, {}), everything_said(None, environ)):
        # A reference is the operator's own word for where the secret stands.
        assert PLANTED not in shown or str(value).startswith("env:")


def everything_said(source: Any, environ: dict[str, str]) -> str:
    try:
        settings = load(source, environ=environ)
    except ConfigurationError as error:
        return f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
    return f"{settings!r} {as_text(settings)}"


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=40))
def test_any_planted_secret_stays_hidden(secret: str) -> None:
    planted = f"zq{secret}zq"  # so that it is no word of ours by chance
    settings = load(
        {
            "admin": {"token": planted},
            "capture": {"sentry_dsn": "env:DSN"},
            "rate_limit": {"store": "env:STORE"},
        },
        environ={"DSN": "https://zqkeyzq@h/1", "STORE": "redis://:zqpasszq@h", "DB_HOST": "db", "DB_PASSWORD": planted},
    )
    assert settings.admin.token == Secret(planted)
    shown = f"{settings!r} {as_text(settings)} {settings.origins} {settings.sources}"
    assert "zq" not in shown


def test_secrets_of_shared_variables_stay_hidden() -> None:
    environ = {"DB_HOST": "db", "DB_PORT": "x", "DB_PASSWORD": PLANTED, "REDIS_URL": f"redis://:{PLANTED}@h:x"}
    problems = told(None, environ)
    assert len(problems) == 2
    assert PLANTED not in str(problems)
