"""Where settings come from: the one reader of os.environ and of the settings file, and only while `load` runs.

It finds and decodes; it does not know which keys exist.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .known import known_variables
from .references import reason
from .wording import kind_of, nearest, shown, spelled

FILE = "wsgi_guard.toml"
PREFIX = "WSGI_GUARD_"
LARGEST_FILE = 4 * 1024 * 1024  # bytes; a thousand rules need a twentieth of it
Path = tuple[str | int, ...]  # keys, and for an item of an array its number from 1


class Written(NamedTuple):
    """The value of a variable: as TOML reads it, and as it stands."""

    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """One giver of settings. `prefix` leads to its tables inside the file, None when it is not a file.

    The first `depth` keys of a path are said by the name itself (a variable's name is a path). `asked` is False for
    variables that other programs read too: they fill in, and are wrong only if they take effect.
    """

    name: str
    tree: object
    folder: str
    prefix: Path | None = None
    depth: int = 0
    asked: bool = True

    def holding(self, tree: object, *path: str) -> Source:
        """The same giver's tables that stand under `path`."""
        if self.prefix is not None:
            return replace(self, tree=tree, prefix=path)
        return replace(self, tree=tree, name=f"{self.name} {_dotted(path)}".rstrip())

    def table(self, path: Path) -> str:
        """How a message names a table."""
        if self.prefix is not None and (*self.prefix, *path):
            return f"{self.name} [{_dotted((*self.prefix, *path))}]"
        return f"{self.name} {_dotted(path[self.depth :])}".rstrip()

    def key(self, path: Path) -> str:
        """How a message names a key."""
        if self.prefix is not None:
            return f"{self.table(path[:-1])} {spelled(path[-1])}"
        return self.table(path)


@dataclass(slots=True)
class Gathered:
    """All sources, weakest first; `others` are overlays of other environments, to be checked and not used."""

    environ: Mapping[str, str]
    folder: str
    sources: list[Source] = field(default_factory=list)
    others: list[Source] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def gather(source: object, environ: Mapping[str, str] | None, only: object) -> Gathered:
    found = Gathered(os.environ if environ is None else environ, _here())
    for name, tree in known_variables(found.environ, found.notes):
        found.sources.append(Source(name, tree, found.folder, depth=9, asked=False))
    _file(source, found)
    _variables(found)
    if isinstance(source, Mapping):
        _overlays(Source("argument", {}, _here()), source, found)
    if only is not None:
        layers = [*only] if isinstance(only, Iterable) and not isinstance(only, str) else only
        found.sources.append(Source("argument only", {"guard": {"layers": layers}}, _here(), depth=2))
    return found


def _file(source: object, found: Gathered) -> None:
    chosen = _chosen(source, found)
    if chosen is None:
        return
    place, path, required = chosen
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        if required:
            found.problems.append(f"{place} cannot be read: {reason(error)}")
        return
    except (OSError, ValueError) as error:
        found.problems.append(f"{place} cannot be read: {reason(error)}")
        return
    found.folder = os.path.dirname(os.path.abspath(path))
    tree = _decoded(content, path, found.problems)
    if tree is not None:
        _overlays(Source(path, {}, found.folder, prefix=()), tree, found)


def _chosen(source: object, found: Gathered) -> tuple[str, str, bool] | None:
    """How messages name the file, its path, and whether it must be there."""
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        return path or "argument: an empty path", path, True
    if source is not None and not isinstance(source, Mapping):
        found.problems.append(f"argument: expected a path or a mapping, not {kind_of(source)}")
        return None
    if path := found.environ.get("WSGI_GUARD_CONFIG", ""):
        return f"variable WSGI_GUARD_CONFIG: file {path!r}", path, True
    return FILE, FILE, False


def _decoded(content: bytes, path: str, problems: list[str]) -> dict[str, Any] | None:
    # Imported here: a guard without a file never needs it.
    import tomllib

    if len(content) > LARGEST_FILE:
        problems.append(f"{path}: larger than {LARGEST_FILE} bytes")
        return None
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.append(f"{path}: not UTF-8 text (at line {line})")
    except RecursionError:
        problems.append(f"{path}: nested too deeply")
    except ValueError as error:
        problems.append(f"{path}: not TOML: {error}")
    return None


def _overlays(source: Source, tree: Mapping[str, Any], found: Gathered) -> None:
    """A file or a dict itself, then the overlay in it that WSGI_GUARD_ENV chooses; all others aside."""
    overlays = tree.get("env", {})
    found.sources.append(source.holding({key: value for key, value in tree.items() if key != "env"}))
    if not isinstance(overlays, Mapping):
        found.problems.append(f"{source.key(('env',))}: expected tables [env.<name>], not {kind_of(overlays)}")
        return
    wanted = found.environ.get("WSGI_GUARD_ENV", "")
    for name, overlay in overlays.items():
        (found.sources if name == wanted else found.others).append(source.holding(overlay, "env", str(name)))
    if wanted and overlays and wanted not in overlays:
        lack = f"{source.name} has no table [env] of that name{nearest(wanted, map(str, overlays))}"
        found.notes.append(f"WSGI_GUARD_ENV is {shown(wanted)}, and {lack}")


def _variables(found: Gathered) -> None:
    """WSGI_GUARD_<TABLE>__<KEY>, each a source of its own; a longer name is more special and comes later."""
    weaker = [source.tree for source in found.sources]
    for name in sorted(found.environ):
        if name.startswith(PREFIX) and "__" in name:
            path = _path(name[len(PREFIX) :].lower().split("__"), weaker)
            tree: object = _written(found.environ[name])
            for key in reversed(path):
                tree = {key: tree}
            found.sources.append(Source(f"variable {name}", tree, _here(), depth=len(path)))


def _path(keys: list[str], trees: Sequence[object]) -> Path:
    """`keys` as weaker sources spell them: a check orders-api is ORDERS_API in a variable's name."""
    path: list[str] = []
    for key in keys:
        levels = [tree for tree in trees if isinstance(tree, Mapping)]
        same = [known for level in levels for known in level if _folded(known) == key]
        spelling = same[0] if same else key
        trees = [level[spelling] for level in levels if spelling in level]
        path.append(spelling)
    return tuple(path)


def _folded(key: object) -> str:
    return str(key).lower().replace("-", "_")


def _written(text: str) -> Written:
    # Imported here: few deployments set such a variable.
    import tomllib

    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return Written(text, text)
    # More than one key: the text went on behind its value with lines of its own.
    return Written(read["value"] if len(read) == 1 else text, text)


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # the folder was deleted under the process
        return os.curdir


def _dotted(path: Path) -> str:
    return "".join(f" #{key}" if isinstance(key, int) else f".{spelled(key)}" for key in path).lstrip(". ")
