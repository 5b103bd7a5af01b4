"""The command line, called as a user calls it: what it prints, where, and its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wsgi_guard.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_of_defaults_is_ok(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert "capture > rate_limit > validation > health" in printed
    assert printed.rstrip().endswith("ok")


def test_check_tells_every_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wsgi_guard.toml").write_text(
        '[guard]\ndrian = 3\n[rate_limit]\nheaders = "loud"\n[validation]\nschemas = 5\n'
    )
    assert main(["check"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "3 problem(s)" in told.err
    assert "wsgi_guard.toml [guard] drian: unknown key, nearest is 'drain'" in told.err


def test_check_tells_what_a_rule_never_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wsgi_guard.toml").write_text(
        '[[rate_limit.rules]]\nname = "free"\npath = "/assets/{rest+}"\nexempt = true\n'
        '[[rate_limit.rules]]\nname = "styles"\npath = "/assets/css"\nlimit = "5 per minute"\n'
    )
    assert main(["check"]) == 0
    never = "note: rate limit rule 'styles' can never match: 'free' before it exempts all that it matches"
    assert never in capsys.readouterr().out


def test_check_proves_schema_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wsgi_guard.toml").write_text('[validation]\nschemas = "schemas"\n')
    (folder / "schemas" / "api").mkdir(parents=True)
    (folder / "schemas" / "api" / "POST.json").write_text('{"properties": {"a": {"type": "objekt"}}}')
    (folder / "schemas" / "api" / "PUT.json").write_text('{"$ref": "../_missing.json"}')
    assert main(["check"]) == 1
    told = capsys.readouterr().err
    assert "api/POST.json#/properties/a/type" in told


def test_check_reports_settings_and_schema_problems_of_one_file(folder: Path) -> None:
    (folder / "shop.toml").write_text("[guard]\n")
    assert main(["check", "shop.toml"]) == 0
    assert main(["check", "missing.toml"]) == 1


def test_check_masks_secrets(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_TOKEN", "correct horse battery staple")
    (folder / "wsgi_guard.toml").write_text('[admin]\ntoken = "env:ADMIN_TOKEN"\n')
    assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert 'token = "***"' in printed
    assert "horse" not in printed


def test_drain_makes_and_takes_the_file(folder: Path) -> None:
    (folder / "wsgi_guard.toml").write_text('[guard]\ndrain_file = "draining"\n')
    assert main(["drain"]) == 0
    assert (folder / "draining").exists()
    assert main(["drain", "--off"]) == 0
    assert not (folder / "draining").exists()


def test_drain_without_a_file_says_what_to_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drain"]) == 1
    assert "guard.drain_file" in capsys.readouterr().err


def test_drain_into_a_missing_folder_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wsgi_guard.toml").write_text('[guard]\ndrain_file = "nowhere/draining"\n')
    assert main(["drain"]) == 1
    assert "nowhere/draining" in capsys.readouterr().err


def test_unknown_command_is_used_wrongly() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wsgi_guard.cli", "dance"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage: wsgi-guard" in done.stderr
