"""What ships is whole, what is used is declared, and the commands can be run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from shutil import copytree, which

import pytest

from tests.support import house

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Imported only where the user has it: in the server that runs us, and faster twins of what we depend on.
OPTIONAL = {"gunicorn", "orjson", "jsonschema-rs", "nh3", "flask", "django", "falcon", "bottle", "gevent", "greenlet"}
# What jsonschema is made of, and hands out.
INDIRECT = {"referencing", "jsonschema-specifications"}


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in requirements}


def imported() -> set[str]:
    """Distributions that any file of the package imports."""
    modules = {
        target.split(".")[0]
        for name, path in house.files(ROOT / "wsgi_guard")
        for target, _ in house.imports(ROOT / "wsgi_guard", name, path)
    }
    owners = packages_distributions()
    outside = modules - set(sys.stdlib_module_names) - {"wsgi_guard", "_typeshed"}
    return {owners[module][0].lower().replace("_", "-") for module in outside if module in owners}


def test_imports_are_declared() -> None:
    found = imported()
    assert {"psycopg", "redis", "jsonschema"} <= found
    assert found - OPTIONAL - INDIRECT - declared(PROJECT["dependencies"]) == set()


def test_wheel_holds_all_that_is_needed(tmp_path: Path) -> None:
    """Built from a copy, so that no build leaves anything here."""
    source = tmp_path / "source"
    source.mkdir()
    copytree(ROOT / "wsgi_guard", source / "wsgi_guard")
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-c", "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = source.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("wsgi_guard/")}
    there = {path for path in (ROOT / "wsgi_guard").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert shipped == {path.relative_to(ROOT).as_posix() for path in there}
    assert {path.suffix for path in there} <= {".py", ".json", ".lua", ".typed"}


def test_changelog_knows_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[?(Unreleased|{re.escape(PROJECT['version'])})\b", changelog, re.MULTILINE)


@pytest.mark.parametrize("command", ["tests/run", "examples/run", ".ci/run"])
def test_command_can_be_run(command: str) -> None:
    assert os.access(ROOT / command, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / command)], check=True)


def test_missing_server_is_named(tmp_path: Path) -> None:
    """Without apt nothing is installed: one line says what to run."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "id", "env"):
        found = which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    done = subprocess.run(
        [str(ROOT / "tests/run")], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "apt-get install" in line
    assert "redis-server" in line
