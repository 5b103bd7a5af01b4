"""The README is the manual: its code runs, its tables are what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def between(mark: str) -> str:
    found = re.search(rf"<!-- {mark}:.*?-->\n(.*?)<!-- /{mark} -->", README, re.DOTALL)
    assert found is not None
    return found[1].strip()


def test_python_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # What the manual puts on record is no check of other tests.
    monkeypatch.setattr("wsgi_guard.health.registry._registered", {})
    names: dict[str, object] = {"__name__": "readme"}
    for text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)  # noqa: S102  (our own manual)
    assert len(blocks("python")) >= 6
    assert callable(names["application"])
    assert getattr(names["post_worker_init"], "wsgi_guard", False)


def test_toml_blocks_are_settings_files(tmp_path: Path) -> None:
    from wsgi_guard.settings import load

    assert len(blocks("toml")) >= 4
    for at, text in enumerate(blocks("toml")):
        file = tmp_path / f"{at}.toml"
        file.write_text(text, encoding="utf-8")
        # A secret that the manual names is there.
        load(file, environ=dict.fromkeys(re.findall(r'"env:(\w+)"', text), "of-some-length-and-secret"))


def test_json_blocks_are_schemas() -> None:
    from jsonschema import Draft202012Validator

    from wsgi_guard.validation.schemas.vocabulary import annotation_problems

    assert len(blocks("json")) >= 2
    for text in blocks("json"):
        Draft202012Validator.check_schema(json.loads(text))
        assert list(annotation_problems(json.loads(text))) == []


def test_settings_table_is_generated() -> None:
    from wsgi_guard.settings.describe import markdown_table

    assert between("settings") == markdown_table().strip()


def test_builtin_rules_table_is_generated() -> None:
    from wsgi_guard.ratelimit.builtin import markdown_table

    assert between("builtin") == markdown_table().strip()


def test_kinds_of_checks_are_those_of_the_code() -> None:
    from wsgi_guard.health.checks import BOUNDS, KINDS

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in between("kinds").splitlines()[2:]]
    assert {row[0].strip("`") for row in rows} == set(KINDS)
    for kind, _, measures, *told in rows:
        for bounds, words in zip(BOUNDS.get(kind.strip("`"), ((), ())), told, strict=True):
            written = [f"`{one.measure} {one.compare} {one.bound:g}`" for one in bounds]
            assert words == ", ".join(written)
            assert all(f"`{one.measure}`" in measures for one in bounds)


def test_probes_of_the_manual_ask_paths_and_a_port_that_answer() -> None:
    from wsgi_guard.settings.sections import HealthSection

    section = HealthSection()
    asked = re.findall(r"path: (\S+), port: (\d+)", "".join(blocks("yaml")))
    assert [path for path, _ in asked] == [section.readyz, section.livez, section.readyz]
    assert {f"0.0.0.0:{port}" for _, port in asked} <= set(re.findall(r'listen = "(.*?)"', README))


def test_commands_for_containers_are_commands() -> None:
    from wsgi_guard.cli import _parser

    told = [*blocks("dockerfile"), *blocks("console")]
    lines = [line for text in told for line in text.splitlines()]
    commands = [found[1].split() for line in lines if (found := re.search(r"wsgi-guard (health[^|#]*)", line))]
    assert len(commands) >= 2
    for words in commands:
        _parser().parse_args(words)


def test_commands_of_the_manual_exist() -> None:
    for command in ("examples/run", "tests/run"):
        assert f"./{command}" in README
        assert (ROOT / command).stat().st_mode & 0o111
