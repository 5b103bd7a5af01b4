"""Where settings come from, which source wins, and how each is named."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.settings.asking import told
from wsgi_guard.settings import load
from wsgi_guard.settings.sections import Settings

FILE = "wsgi_guard.toml"

# health.interval as each source gives it, weakest first; the value is the source's rank.
RANKED: list[tuple[str, str]] = [
    ("default", "default"),
    ("known", "variable HEALTH_CHECK_INTERVAL"),
    ("file", FILE),
    ("overlay", FILE),
    ("variable", "variable WSGI_GUARD_HEALTH__INTERVAL"),
    ("argument", "argument"),
    ("argument overlay", "argument env.live"),
]


def loaded(present: set[str]) -> Settings:
    """Settings with the interval 1, 2, 3... by the rank of each source that is present."""
    environ = {"WSGI_GUARD_ENV": "live"}
    lines = []
    if "known" in present:
        environ["HEALTH_CHECK_INTERVAL"] = "1"
    if "file" in present:
        lines += ["[health]", "interval = 2"]
    if "overlay" in present:
        lines += ["[env.live.health]", "interval = 3", "[env.other.health]", "interval = 99"]
    if "variable" in present:
        environ["WSGI_GUARD_HEALTH__INTERVAL"] = "4"
    Path(FILE).write_text("\n".join(lines))
    source: dict[str, Any] = {"health": {"interval": 5}} if "argument" in present else {}
    if "argument overlay" in present:
        source["env"] = {"live": {"health": {"interval": 6}}, "other": {"health": {"interval": 99}}}
    return load(source or None, environ=environ)


@pytest.mark.parametrize("chosen", range(2**6))
def test_the_strongest_source_wins(chosen: int) -> None:
    present = {name for at, (name, _) in enumerate(RANKED[1:]) if chosen & 1 << at}
    settings = loaded(present)
    rank = max((at for at, (name, _) in enumerate(RANKED) if name in present), default=0)
    assert settings.health.interval == (rank or 30.0)
    assert settings.origins.get("health.interval", "default") == RANKED[rank][1]


def test_tables_are_laid_over_key_by_key() -> None:
    Path(FILE).write_text(
        "[pools.main]\nurl = 'postgresql://file'\nmin_size = 2\n[pools.two]\nurl = 'postgresql://two'\n"
        "[[rate_limit.rules]]\nname = 'a'\nlimit = '1/s'\n[[rate_limit.rules]]\nname = 'b'\nlimit = '1/s'\n"
        "[env.live.pools.main]\nmax_size = 30\n"
    )
    environ = {"WSGI_GUARD_ENV": "live", "WSGI_GUARD_POOLS__MAIN__TIMEOUT": "'2 s'"}
    settings = load({"rate_limit": {"rules": [{"name": "c", "limit": "1/s"}]}}, environ=environ)
    main = settings.pools["main"]
    assert main.url is not None and main.url.reveal() == "postgresql://file"
    assert (main.min_size, main.max_size, main.timeout) == (2, 30, 2.0)
    assert list(settings.pools) == ["main", "two"]
    assert [rule.name for rule in settings.rate_limit.rules] == ["c"]  # a list is one value
    assert settings.environment == "live"
    assert settings.sources == (FILE, FILE, "variable WSGI_GUARD_POOLS__MAIN__TIMEOUT", "argument")


def test_nothing_given_is_all_defaults() -> None:
    settings = load(environ={})
    assert settings.rate_limit.builtin_rules == "shadow"
    assert settings.validation.threats.mode == "shadow"
    assert settings.rate_limit.store.reveal() == "auto"
    assert (settings.sources, settings.notes, dict(settings.origins)) == ((), (), {})
    assert settings.environment is None


@pytest.mark.parametrize(
    ("guard", "rules", "threats", "expected"),
    [
        ("enforce", None, None, ("enforce", "block")),
        ("enforce", "off", "shadow", ("off", "shadow")),
        ("shadow", "enforce", "block", ("enforce", "block")),
        ("shadow", None, "off", ("shadow", "off")),
    ],
)
def test_defaults_decide_what_is_guessed(
    guard: str, rules: str | None, threats: str | None, expected: tuple[str, str]
) -> None:
    source = {
        "guard": {"defaults": guard},
        "rate_limit": {"builtin_rules": rules},
        "validation": {"threats": {"mode": threats}},
    }
    settings = load(source, environ={})
    assert (settings.rate_limit.builtin_rules, settings.validation.threats.mode) == expected


def test_only_is_the_strongest_word_on_layers() -> None:
    source = {"guard": {"layers": ["health"]}}
    assert load(source, environ={}, only=("rate_limit",)).guard.layers == ("rate_limit",)
    assert load(source, environ={}, only="validation").guard.layers == ("validation",)
    assert load(source, environ={}, only=()).guard.layers == ()
    assert told(source, only=["capture"]) == (
        "argument only: expected one of 'rate_limit', 'validation', 'health', not 'capture'",
    )


def test_left_out_layers_with_settings_are_noted() -> None:
    settings = load({"health": {"interval": 5}}, environ={}, only=["rate_limit"])
    assert settings.notes == ("guard.layers leaves health out: its settings have no effect",)


# the file


def test_config_variable_names_the_file(empty_folder: Path) -> None:
    Path(FILE).write_text("[health]\ninterval = 2")
    (empty_folder / "deploy").mkdir()
    Path("deploy/other.toml").write_text("[health]\ninterval = 3")
    settings = load(environ={"WSGI_GUARD_CONFIG": "deploy/other.toml"})
    assert (settings.health.interval, settings.folder) == (3.0, str(empty_folder / "deploy"))
    assert load(environ={"WSGI_GUARD_CONFIG": ""}).health.interval == 2.0
    assert load(FILE, environ={"WSGI_GUARD_CONFIG": "nowhere.toml"}).health.interval == 2.0
    assert load(Path(FILE), environ={}).health.interval == 2.0
    assert load(environ={}).folder == str(empty_folder)


def test_paths_are_relative_to_who_says_them(empty_folder: Path) -> None:
    (empty_folder / "deploy").mkdir()
    Path("deploy/guard.toml").write_text("[guard]\ndrain_file = 'drain'\n[validation]\nschemas = 'schemas'")
    Path("deploy/word").write_text("postgresql://from-file\n")
    environ = {
        "WSGI_GUARD_VALIDATION__SCHEMAS": "other",
        "WSGI_GUARD_CONFIG": "deploy/guard.toml",
    }
    settings = load({"pools": {"main": {"url": "file:deploy/word"}}}, environ=environ)
    assert settings.guard.drain_file == str(empty_folder / "deploy" / "drain")
    assert settings.validation.schemas == str(empty_folder / "other")
    assert settings.pools["main"].url is not None
    assert settings.pools["main"].url.reveal() == "postgresql://from-file"
    settings = load("deploy/guard.toml", environ={"WSGI_GUARD_GUARD__DRAIN_FILE": "/run/drain"})
    assert settings.guard.drain_file == "/run/drain"
    assert settings.validation.schemas == str(empty_folder / "deploy" / "schemas")


BAD_FILES: list[tuple[bytes, str]] = [
    (b"[health\ninterval = 1", "wsgi_guard.toml: not TOML: Expected ']' at the end of a table declaration (at line 1"),
    (b"[health]\n\ninterval = = 1", "wsgi_guard.toml: not TOML: Invalid value (at line 3"),
    (b"[health]\ninterval = 1\ninterval = 2\n", "Cannot overwrite a value (at "),
    (b"a = '\x00'", "wsgi_guard.toml: not TOML: Found invalid character"),
    (b"[health]\n# caf\xe9", "wsgi_guard.toml: not UTF-8 text (at line 2)"),
    ("[health]".encode("utf-16"), "wsgi_guard.toml: not UTF-8 text (at line 1)"),
    (b"a = " + b"[" * 100_000, "wsgi_guard.toml: n"),
    (b"a = " + b"1" * 10_000, "wsgi_guard.toml: not TOML: "),
    (b"#" * (4 * 1024 * 1024 + 1), "wsgi_guard.toml: larger than 4194304 bytes"),
    (b"env = 5", "wsgi_guard.toml env: expected tables [env.<name>], not an integer"),
    (b"[env]\nlive = 5", "wsgi_guard.toml [env.live]: expected a table, not an integer"),
    (b"[rate_limit]\nsotre = 'x'", "wsgi_guard.toml [rate_limit] sotre: unknown key, nearest is 'store'"),
    (b"sotre = 'x'", "wsgi_guard.toml sotre: unknown key"),
    (b"rate_limit = 5", "wsgi_guard.toml [rate_limit]: expected a table, not an integer"),
    (b"[env.live.rate_limit]\nstroe = 1", "wsgi_guard.toml [env.live.rate_limit] stroe: unknown key, nearest is 'st"),
    (b"[env.live]\nrate_limt = 1", "wsgi_guard.toml [env.live] rate_limt: unknown key, nearest is 'rate_limit'"),
    (b"[env.live.env.x]", "wsgi_guard.toml [env.live] env: unknown key"),
    (b"[[rate_limit.rules]]\nlimit = '1/s'", "wsgi_guard.toml [rate_limit.rules #1]: name is missing"),
    (b"[[rate_limit.rules]]\nname = 'a'\nlimit = '1 a s'", "[rate_limit.rules #1] limit: expected a limit"),
    (b"[pools.main]\nmin_size = 1", "wsgi_guard.toml [pools.main]: url is missing"),
    (b"[health]\ninterval = 2024-05-05", "[health] interval: expected a time such as 30 (seconds)"),
    (b"[guard]\nidentity = 2024-05-05", "[guard] identity: expected a string, not a date"),
]


@pytest.mark.parametrize(("content", "sentence"), BAD_FILES, ids=[sentence[-40:] for _, sentence in BAD_FILES])
def test_a_bad_file_is_named_with_its_line(content: bytes, sentence: str) -> None:
    Path(FILE).write_bytes(content)
    (problem,) = told()
    assert sentence in problem
    assert len(BAD_FILES) == 22


def test_a_file_with_byte_order_mark_reads() -> None:
    Path(FILE).write_bytes(b"\xef\xbb\xbf[health]\r\ninterval = 2\r\n")
    assert load(environ={}).health.interval == 2.0


def test_files_that_cannot_be_read(empty_folder: Path) -> None:
    assert told("no.toml") == ("no.toml cannot be read: No such file or directory",)
    assert told("") == ("argument: an empty path cannot be read: No such file or directory",)
    assert told("a\0b") == ("a\0b cannot be read: ValueError",)
    assert told(str(empty_folder)) == (f"{empty_folder} cannot be read: Is a directory",)
    assert told(None, {"WSGI_GUARD_CONFIG": "no.toml"}) == (
        "variable WSGI_GUARD_CONFIG: file 'no.toml' cannot be read: No such file or directory",
    )
    assert told(5) == ("argument: expected a path or a mapping, not an integer",)  # type: ignore[arg-type]
    (empty_folder / FILE).mkdir()
    assert told() == ("wsgi_guard.toml cannot be read: Is a directory",)


# overlays


def test_overlays_of_other_environments_are_checked() -> None:
    Path(FILE).write_text("[env.live.health]\ninterval = 'soon'\n[env.dev.pools.main]\nurl = 'env:NOT_SET_HERE'\n")
    (problem,) = told()
    assert problem.startswith("wsgi_guard.toml [env.live.health] interval: expected a time")


def test_overlays_of_a_dict_are_checked_and_not_changed() -> None:
    source = {"env": {"live": {"guard": {"drain": 3}}, 5: {"guard": {"drain": "soon"}}}}
    (problem,) = told(source, {"WSGI_GUARD_ENV": "live"})
    assert problem.startswith("argument env.5 guard.drain: expected a time")
    assert list(source) == ["env"]


def test_an_environment_without_overlay_is_noted() -> None:
    Path(FILE).write_text("[env.production.health]\ninterval = 2")
    settings = load(environ={"WSGI_GUARD_ENV": "prodction"})
    assert settings.notes == (
        "WSGI_GUARD_ENV is 'prodction', and wsgi_guard.toml has no table [env] of that name, nearest is 'production'",
    )
    assert settings.health.interval == 30.0


# variables

VARIABLES: list[tuple[str, str, str, object]] = [
    ("HEALTH__INTERVAL", "10", "health.interval", 10.0),
    ("HEALTH__INTERVAL", '"10 s"', "health.interval", 10.0),
    ("HEALTH__INTERVAL", "10 s", "health.interval", 10.0),
    ("HEALTH__INTERVAL", "0x10", "health.interval", 16.0),
    ("HEALTH__LIVEZ", "", "health.livez", None),
    ("GUARD__DEFAULTS", "enforce", "guard.defaults", "enforce"),
    ("GUARD__LAYERS", '["health"]', "guard.layers", ("health",)),
    ("GUARD__LAYERS", "health", "guard.layers", ("health",)),
    ("GUARD__LAYERS", "[]", "guard.layers", ()),
    ("GUARD__IDENTITY", "shop.auth:who", "guard.identity", "shop.auth:who"),
    ("CAPTURE__REDACT", "2024-05-05", "capture.redact", ("2024-05-05",)),
    ("CAPTURE__REDACT", "1.50", "capture.redact", ("1.50",)),
    ("VALIDATION__THREATS__MODE", "off", "validation.threats.mode", "off"),
    ("VALIDATION__THREATS", '{mode = "off", scan = 5}', "validation.threats.scan", 5),
    ("VALIDATION__MAX_BODY", "2 MiB", "validation.max_body", 2 * 1024**2),
    ("RATE_LIMIT__MAX_KEYS", "1_000", "rate_limit.max_keys", 1000),
    ("HEALTH", "{interval = 7}", "health.interval", 30.0),  # no "__": not ours
    ("SOMETHING", "x", "health.interval", 30.0),
]


@pytest.mark.parametrize(("name", "text", "path", "expected"), VARIABLES)
def test_variables_hold_toml_or_plain_text(name: str, text: str, path: str, expected: object) -> None:
    found: Any = load(environ={f"WSGI_GUARD_{name}": text, "OTHER__HEALTH": "x"})
    for key in path.split("."):
        found = getattr(found, key)
    assert found == expected
    assert len(VARIABLES) == 18


@pytest.mark.parametrize("text", ["1234567890123456", "12345678901234.50", "[1,2,3,4,5,6,7,8]", "0123456789abcdef#b"])
def test_secrets_in_variables_stay_as_they_are(text: str) -> None:
    token = load(environ={"WSGI_GUARD_ADMIN__TOKEN": text}).admin.token
    assert token is not None and token.reveal() == text


def test_variables_reach_tables_and_rules() -> None:
    rules = '[{name = "a", limit = ["1/s", "9/h"]}, {name = "b", exempt = true}]'
    environ = {
        "WSGI_GUARD_RATE_LIMIT__RULES": rules,
        "WSGI_GUARD_POOLS__MAIN": '{url = "postgresql://h", min_size = 2, max_size = 3}',
        "WSGI_GUARD_POOLS__MAIN__MAX_SIZE": "4",
        "WSGI_GUARD_HEALTH__CHECKS__ORDERS_API__TIMEOUT": "1",
    }
    Path(FILE).write_text("[health.checks.orders-api]\ntype = 'disk'")
    settings = load(environ=environ)
    assert [rule.name for rule in settings.rate_limit.rules] == ["a", "b"]
    assert (settings.pools["main"].min_size, settings.pools["main"].max_size) == (2, 4)
    assert settings.health.checks["orders-api"].timeout == 1.0
    assert list(settings.health.checks) == ["orders-api"]


WRONG_VARIABLES: list[tuple[str, str, str]] = [
    ("RATELIMIT__STORE", "memory", "unknown key, nearest is 'rate_limit'"),
    ("RATE_LIMIT__SOTRE", "memory", "unknown key, nearest is 'store'"),
    ("RATE_LIMIT__STORE__X", "memory", "expected a string, not a table"),
    ("HEALTH__INTERVAL", "soon", "expected a time such as 30"),
    ("HEALTH__INTERVAL", "1\nlivez = '/x'", "expected a time such as 30"),
    ("HEALTH__INTERVAL", "1]" + "[" * 50_000, "expected a time such as 30"),
    ("HEALTH__CHECKS__A__TIMEOUT", "1", "type is missing"),
    ("__X", "1", "unknown key"),
    ("HEALTH__", "1", "unknown key"),
    ("RATE_LIMIT__RULES", "[{name='a', limt='1/s', exempt=true}]", " #1.limt: unknown key, nearest is 'limit'"),
    ("HEALTH__CHECKS", "{a = {type = 'disk', timout = 1}}", " a.timout: unknown key, nearest is 'timeout'"),
    ("RATE_LIMIT__IPV6_PREFIX", "030", "expected an integer, not '030'"),
    ("GUARD__LAYERS", "[5]", "expected one of"),
]


@pytest.mark.parametrize(("name", "text", "sentence"), WRONG_VARIABLES)
def test_a_wrong_variable_is_named(name: str, text: str, sentence: str) -> None:
    (problem,) = told(None, {f"WSGI_GUARD_{name}": text})
    assert problem.startswith(f"variable WSGI_GUARD_{name}")
    assert sentence in problem
    assert len(WRONG_VARIABLES) == 13


def test_the_real_environment_is_read_when_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GUARD_HEALTH__INTERVAL", "12")
    assert load().health.interval == 12.0
    monkeypatch.delenv("WSGI_GUARD_HEALTH__INTERVAL")
    assert load().health.interval == 30.0


def test_order_of_variables_does_not_matter() -> None:
    environ = {
        "REDIS_URL": "redis://weak", "RATE_LIMIT_STORAGE_URL": "redis://strong", "DB_MAX_CONN": "7",
        "DATABASE_URL": "postgresql://h", "WSGI_GUARD_POOLS__MAIN__MAX_SIZE": "8",
        "WSGI_GUARD_POOLS__MAIN": "{min_size=3}",
    }  # fmt: skip
    expected = load(environ=environ)
    for seed in range(5):
        names = list(environ)
        random.Random(seed).shuffle(names)
        shuffled: Mapping[str, str] = {name: environ[name] for name in names}
        assert load(environ=shuffled) == expected


def test_a_folder_that_went_away_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load({}, environ={}).folder == os.curdir


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, False),
        ({"validation": {"threats": {"mode": "off"}}}, True),
        ({"validation": {"threats": {"mode": "off", "modes": {"sqli": "shadow"}}}}, False),
        ({"guard": {"layers": ["rate_limit"]}}, True),
    ],
)
def test_rule_that_counts_threats_nobody_looks_for_is_told(more: dict[str, Any], told: bool) -> None:
    rule = {"name": "attacks", "limit": "3/h", "count": ["threat"]}
    notes = load({"rate_limit": {"rules": [rule]}, **more}, environ={}).notes
    note = "rate limit rule 'attacks' counts threats, which nothing looks for: they are off"
    assert (note in notes) == told
