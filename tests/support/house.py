"""The house rules as functions: each takes the folder of a package and returns what breaks its rule, a line each.

They read source text only; nothing of the package is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SLICES = {"capture", "ratelimit", "validation", "health", "db", "observe"}
# These put the slices together; __init__ may do so inside functions, and for type checkers.
CONNECTORS = {"stack", "gunicorn", "cli", "rehearse"}
# Where each outside thing may be imported: a folder of the package, or one file; () = nowhere.
HOMES = {
    "redis": ("stores/redis.py",),
    "psycopg": ("db/",),
    "psycopg_pool": ("db/",),
    "sentry_sdk": ("capture/",),
    "jsonschema": ("validation/",),
    "jsonschema_rs": ("validation/",),
    "referencing": ("validation/",),
    "bleach": ("validation/",),
    "nh3": ("validation/",),
    "psutil": ("health/",),
    "prometheus_client": ("observe/",),
    "smtplib": ("capture/channels/",),
    "requests": (),
}
# What a decision must not know: the clock, chance, the outside, the running process.
UNDECIDED = {
    "time", "datetime", "random", "secrets", "socket", "ssl", "select", "http", "urllib.request", "threading",
    "multiprocessing", "concurrent", "asyncio", "subprocess", "os", "signal", "contextvars",
}  # fmt: skip
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv"}
NAMELESS = {"utils", "util", "helpers", "helper", "manager", "managers", "handler", "handlers", "base", "common"}
FILE_LINES = 300
FUNCTION_LINES = 40
DEPTH = 2


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def files(package: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix(), path


def room(name: str) -> str:
    """The first part of a file's place: its folder, or its own name when it stands at the top."""
    return name.split("/")[0].removesuffix(".py")


def imports(package: Path, name: str, path: Path) -> Iterator[tuple[str, int]]:
    """Absolute names of all that a file imports, wherever in it, with lines."""
    here = [package.name, *Path(name).parent.parts]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}", node.lineno


def _lazy_lines(path: Path) -> set[int]:
    """Lines that importing the file does not run."""
    unrun = [
        node
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return {line for node in unrun for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def arrows(package: Path) -> list[str]:
    """The spine imports no slice, a slice no other slice."""
    found = []
    for name, path in files(package):
        mine = room(name)
        if mine in CONNECTORS:
            continue
        for target, line in imports(package, name, path):
            parts = target.split(".")
            theirs = parts[1] if parts[0] == package.name and len(parts) > 1 else ""
            if theirs not in SLICES or theirs == mine or (name == "__init__.py" and line in _lazy_lines(path)):
                continue
            found.append(f"{name}:{line} imports {target}")
    return found


def homes(package: Path) -> list[str]:
    """Each outside thing is imported in its one home only."""
    return [
        f"{name}:{line} imports {target}"
        for name, path in files(package)
        for target, line in imports(package, name, path)
        if (allowed := HOMES.get(target.split(".")[0])) is not None and not name.startswith(allowed or ("(nowhere)",))
    ]


def environment(package: Path) -> list[str]:
    """The process environment is read in settings/ only."""
    found = []
    for name, path in files(package):
        if room(name) == "settings":
            continue
        found += [
            f"{name}:{node.lineno} reads the environment"
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ENVIRONMENT
        ]
        targets = imports(package, name, path)
        found += [f"{name}:{at} imports {target}" for target, at in targets if target in ENVIRONMENT]
    return found


def decisions(package: Path) -> list[str]:
    """Every slice has a decide.py, and it takes what it needs as arguments."""
    found = [f"{name}/decide.py is missing" for name in sorted(SLICES) if not (package / name / "decide.py").exists()]
    for name, path in files(package):
        if name.rpartition("/")[2] != "decide.py":
            continue
        for target, line in imports(package, name, path):
            parts = target.split(".")
            if {".".join(parts[:1]), ".".join(parts[:2])} & (UNDECIDED | set(HOMES)):
                found.append(f"{name}:{line} imports {target}")
    return found


def sizes(package: Path) -> list[str]:
    """Files and functions that can be seen at once, in folders that can be found."""
    found = []
    for name, path in files(package):
        lines = path.read_text().count("\n")
        if lines > FILE_LINES:
            found.append(f"{name} has {lines} lines")
        if len(Path(name).parts) - 1 > DEPTH:
            found.append(f"{name} lies {len(Path(name).parts) - 1} folders deep")
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    found.append(f"{name}:{node.lineno} {node.name} has {length} lines")
    return found


def names(package: Path) -> list[str]:
    """No file or folder is named after nothing in particular."""
    return [
        f"{name} says nothing by its name"
        for name, _ in files(package)
        if NAMELESS & {part.removesuffix(".py") for part in name.split("/")}
    ]


def headings(package: Path) -> list[str]:
    """Each file says first what it is for, and its annotations are not evaluated."""
    found = []
    for name, path in files(package):
        tree = parsed(path)
        if not tree.body:
            continue
        if not ast.get_docstring(tree):
            found.append(f"{name} has no docstring")
        future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
        if not future and len(tree.body) > 1:
            found.append(f"{name} does not import annotations from __future__")
    return found


def unread_settings(package: Path) -> list[str]:
    """Every field of every section is read somewhere outside settings/."""
    read = {
        node.attr
        for name, path in files(package)
        if room(name) != "settings"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    sections = [node for node in parsed(package / "settings/sections.py").body if isinstance(node, ast.ClassDef)]
    return [
        f"nothing reads {section.name}.{field.target.id}"
        for section in sections
        if section.name.endswith("Section")
        for field in section.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id not in read
    ]


RULES = (arrows, homes, environment, decisions, sizes, names, headings, unread_settings)
