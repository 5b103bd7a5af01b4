"""The house rules hold, and each rule can fail: on planted trees it finds what was planted and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import house

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "wsgi_guard"
HEAVY = [
    "sentry_sdk", "psycopg", "psycopg_pool", "redis", "bleach", "nh3", "jsonschema", "jsonschema_rs", "psutil",
    "prometheus_client", "gunicorn", "werkzeug",
]  # fmt: skip
TOP = {
    "wsgi_guard", "tests", "examples", "benchmarks", "setup.cfg", "pyproject.toml", "README.md", "LICENSE",
    "CHANGELOG.md",
}  # fmt: skip
Rule = Callable[[Path], list[str]]

FUTURE = '"""Says something."""\nfrom __future__ import annotations\n'
# A rule, a file that breaks it, and words of what is found.
PLANTED: list[tuple[Rule, str, str, str]] = [
    (house.arrows, "facts.py", "from .capture import layer", "facts.py:3 imports p.capture.layer"),
    (house.arrows, "settings/read.py", "def f():\n    from ..db.pool import Pool", "imports p.db.pool.Pool"),
    (house.arrows, "health/checks.py", "import p.db.pool", "health/checks.py:3 imports p.db.pool"),
    (house.arrows, "validation/threats/sqli.py", "from ...capture.api import f", "imports p.capture.api.f"),
    (house.arrows, "__init__.py", "from .capture.api import capture_error", "__init__.py:3"),
    (house.homes, "stores/memory.py", "import redis", "stores/memory.py:3 imports redis"),
    (house.homes, "health/checks.py", "def f():\n    from psycopg.rows import x", "imports psycopg.rows.x"),
    (house.homes, "capture/email.py", "import smtplib", "imports smtplib"),
    (house.environment, "facts.py", "import os\nX = os.environ.get('A')", "facts.py:4 reads the environment"),
    (house.environment, "cli.py", "from os import getenv", "cli.py:3 imports os.getenv"),
    (house.decisions, "health/decide.py", "from time import monotonic", "health/decide.py:3 imports time.monotonic"),
    (house.decisions, "db/decide.py", "import psycopg", "db/decide.py:3 imports psycopg"),
    (house.sizes, "facts.py", "x = 1\n" * 298, "facts.py has 301 lines"),
    (house.sizes, "facts.py", "def f():\n" + "    x = 1\n" * 40, "facts.py:3 f has 41 lines"),
    (house.sizes, "a/b/c/d.py", "", "a/b/c/d.py lies 3 folders deep"),
    (house.names, "db/utils.py", "", "db/utils.py says nothing"),
    (house.names, "handlers/db.py", "", "handlers/db.py says nothing"),
    (house.unread_settings, "settings/read.py", "class A:\n    x = 1", "nothing reads GuardSection.drain"),
]
# What looks like the planted ones and is allowed.
ALLOWED: list[tuple[Rule, str, str]] = [
    (house.arrows, "stack.py", "from .capture import layer"),
    (house.arrows, "capture/layer.py", "from ..facts import Facts\nfrom .decide import x"),
    (house.arrows, "__init__.py", "def __getattr__(name):\n    from .capture.api import capture_error"),
    (house.homes, "stores/redis.py", "import redis"),
    (house.homes, "db/pool.py", "import psycopg_pool\nfrom psycopg import sql"),
    (house.environment, "settings/sources.py", "import os\nX = os.environ"),
    (house.environment, "facts.py", "def f(facts):\n    return facts.environ"),
    (house.sizes, "a/b/c.py", "x = 1\n" * 297),
]


def plant(folder: Path, place: str, text: str) -> Path:
    """A package `p` that breaks no rule, but for one file."""
    package = folder / "p"
    for name in (*(f"{name}/decide.py" for name in sorted(house.SLICES)), "facts.py"):
        write(package / name, FUTURE)
    write(package / "settings/sections.py", FUTURE + "class GuardSection:\n    drain: float = 0\n")
    write(package / "gunicorn.py", FUTURE + "def f(section):\n    return section.drain\n")
    write(package / place, FUTURE + text + "\n")
    return package


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_house_rule_holds(rule: Rule) -> None:
    assert rule(PACKAGE) == []


@pytest.mark.parametrize(("rule", "place", "text", "found"), PLANTED)
def test_planted_breach_is_found(tmp_path: Path, rule: Rule, place: str, text: str, found: str) -> None:
    package = plant(tmp_path, place, text)
    if rule is house.unread_settings:
        (package / "gunicorn.py").unlink()
    (problem,) = rule(package)
    assert found in problem


@pytest.mark.parametrize(("rule", "place", "text"), ALLOWED)
def test_allowed_neighbour_passes(tmp_path: Path, rule: Rule, place: str, text: str) -> None:
    assert rule(plant(tmp_path, place, text)) == []


def test_missing_decision_is_found(tmp_path: Path) -> None:
    package = plant(tmp_path, "stack.py", "")
    (package / "db/decide.py").unlink()
    assert house.decisions(package) == ["db/decide.py is missing"]


def test_missing_heading_is_found(tmp_path: Path) -> None:
    package = plant(tmp_path, "stack.py", "")
    (package / "stack.py").write_text("import math\nX = math.pi\n")
    assert house.headings(package) == [
        "stack.py has no docstring",
        "stack.py does not import annotations from __future__",
    ]


def test_every_rule_has_been_planted() -> None:
    assert {rule for rule, *_ in PLANTED} | {house.headings} == set(house.RULES)
    assert (len(PLANTED), len(ALLOWED)) == (18, 8)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("statement", ["import wsgi_guard", "from wsgi_guard import Guard, current"])
def test_import_loads_nothing_heavy(statement: str) -> None:
    assert run(f"import sys; {statement}; print(sorted(set({HEAVY!r}) & set(sys.modules)))") == "[]"


# What a module may do when it is imported is define things. The interpreter reports the rest, threads apart.
WATCH = """
import sys, threading
seen = []
watched = {"socket.__new__", "os.mkdir", "os.fork", "os.posix_spawn", "subprocess.Popen", "tempfile.mkstemp"}
def note(event):
    frame = sys._getframe()
    while frame is not None:
        if (frame.f_globals.get("__name__") or "").partition(".")[0] == PACKAGE:
            seen.append((event, frame.f_globals["__name__"]))
            return
        frame = frame.f_back
def start(thread, real=threading.Thread.start):
    note("thread")
    real(thread)
threading.Thread.start = start
sys.addaudithook(lambda event, args: note(event) if event in watched else None)
"""


def noises(modules: list[str], folder: Path) -> str:
    lines = [f"import sys; sys.path.insert(0, {str(folder)!r})", f"PACKAGE = {modules[0].partition('.')[0]!r}", WATCH]
    return run("\n".join([*lines, *(f"import {module}" for module in modules), "print(seen)"]))


def test_nothing_happens_at_import() -> None:
    modules = [f"wsgi_guard.{name.removesuffix('.py').replace('/', '.')}" for name, _ in house.files(PACKAGE)]
    assert len(modules) > 60
    assert noises([module.removesuffix(".__init__") for module in modules], ROOT) == "[]"


NOISES = ["import threading; threading.Thread(target=int).start()", "import socket; socket.socket().close()"]


@pytest.mark.parametrize("code", NOISES)
def test_noise_at_import_is_heard(tmp_path: Path, code: str) -> None:
    write(tmp_path / "noisy.py", code)
    assert "'noisy'" in noises(["noisy"], tmp_path)


def test_top_level_is_as_agreed() -> None:
    """Dotfiles aside, and what pip leaves there."""
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".") and path.suffix != ".egg-info"}
    assert found - {"build"} == TOP
