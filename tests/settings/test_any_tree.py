"""Whatever a file, a dict or a variable holds: settings, or one ConfigurationError that says why."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.settings.trees import trees
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import Settings, as_text, load


def loads(source: dict[str, Any] | None, environ: dict[str, str]) -> bool:
    try:
        found = load(source, environ=environ)
    except ConfigurationError as error:
        assert error.problems and len(set(error.problems)) == len(error.problems)
        assert all("\n" not in problem and ": " in problem for problem in error.problems)
        return False
    assert isinstance(found, Settings)
    assert as_text(found)
    return True


@settings(max_examples=500, deadline=None)
@given(trees())
def test_any_tree_is_settings_or_problems(tree: dict[str, Any]) -> None:
    loads(tree, {})


NAMES = st.sampled_from(
    [
        "WSGI_GUARD_RATE_LIMIT__STORE", "WSGI_GUARD_RATE_LIMIT__RULES", "WSGI_GUARD_HEALTH__CHECKS__A__TYPE",
        "WSGI_GUARD_POOLS__MAIN", "WSGI_GUARD_POOLS__MAIN__URL", "WSGI_GUARD_GUARD__LAYERS", "WSGI_GUARD_ENV",
        "WSGI_GUARD_VALIDATION__THREATS", "REDIS_URL", "RATE_LIMIT_STORAGE_URL", "DATABASE_URL", "DB_TYPE", "DB_HOST",
        "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "DB_MIN_CONN", "DB_POOL_SIZE", "DB_CONNECTION_TIMEOUT",
        "SENTRY_DSN", "HEALTH_CHECK_INTERVAL",
    ]
)  # fmt: skip
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["1", "5 s", "[]", "{}", "[{}]", "[1, 'a']", "{url = 'postgresql://h'}", "redis://h", "postgres://h", "mysql://h",
     "/a b", "::1", "\udcff", "a\nb", "'''", "inf", "1979-05-27"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(NAMES, TEXTS, max_size=5))
def test_any_environment_is_settings_or_problems(environ: dict[str, str]) -> None:
    loads(None, environ)


def test_a_table_that_holds_itself_ends() -> None:
    tree: dict[str, Any] = {}
    tree["rate_limit"] = tree
    tree["pools"] = {"main": tree}
    assert not loads(tree, {})
