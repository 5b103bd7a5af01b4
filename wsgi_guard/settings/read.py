"""One source's tree as parsed keys and tables, with a sentence for everything that is wrong in it.

Knows the sections, not where trees come from; what a stronger source says of the same key is `tree.merge`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from functools import lru_cache
from typing import Any

from .parse import TEXTUAL, label, parse
from .sections import Settings
from .sources import Path, Source, Written
from .tree import Given, Table
from .wording import kind_of, unknown

# Fields of Settings that tell about the settings instead of being set.
TOLD = frozenset({"folder", "sources", "notes", "environment", "origins"})


@lru_cache(maxsize=32)
def keys_of(section: type) -> Mapping[str, Field[Any]]:
    """The keys a table may hold."""
    assert is_dataclass(section)  # noqa: S101  (for the type checker)
    return {about.name: about for about in fields(section) if about.name not in TOLD or section is not Settings}


def read(source: Source, problems: list[str]) -> Table:
    """All that `source` says."""
    return _table(source, Settings, source.tree, (), problems)


def _table(source: Source, section: type, tree: object, path: Path, problems: list[str]) -> Table:
    found = Table(source.table(path), source.asked)
    tree = tree.value if isinstance(tree, Written) else tree
    if not isinstance(tree, Mapping):
        problems.append(f"{source.table(path)}: expected a table, not {kind_of(tree)}")
        return found
    known = keys_of(section)
    for name, value in tree.items():
        here = (*path, name)
        about = known.get(name) if isinstance(name, str) else None
        if about is None:
            problems.append(f"{source.key(here)}: {unknown(name, known)}")
        elif about.metadata["kind"] == "table":
            found.tables[name] = _table(source, about.metadata["section"], value, here, problems)
        elif about.metadata["kind"] == "named":
            found.tables[name] = _named(source, about.metadata["section"], value, here, problems)
        elif about.metadata["kind"] == "listed":
            _listed(source, about.metadata["section"], value, here, found, problems)
        else:
            found.keys[name] = _given(source, about, value, here)
    if source.asked:
        problems.extend(f"{given.place}: {sentence}" for given in found.keys.values() for sentence in given.wrong)
    return found


def _named(source: Source, section: type, tree: object, path: Path, problems: list[str]) -> Table:
    found = Table(source.table(path), source.asked)
    tree = tree.value if isinstance(tree, Written) else tree
    if not isinstance(tree, Mapping):
        problems.append(f"{source.table(path)}: expected a table of tables, not {kind_of(tree)}")
        return found
    for name, value in tree.items():
        here = (*path, name)
        try:
            label(name)
        except ValueError as error:
            problems.append(f"{source.table(here)}: a name must have {error.args[0].removeprefix('expected ')}")
            continue
        found.tables[name] = _table(source, section, value, here, problems)
    return found


def _listed(source: Source, section: type, items: object, path: Path, into: Table, problems: list[str]) -> None:
    """An array of tables becomes one value: the tables of its items."""
    items = items.value if isinstance(items, Written) else items
    tables: list[Table] = []
    if not isinstance(items, (list, tuple)):
        problems.append(f"{source.key(path)}: expected an array of tables, not {kind_of(items)}")
    else:
        for at, item in enumerate(items, 1):
            tables.append(_table(source, section, item, (*path, str(at)), problems))
    into.keys[path[-1]] = Given(tuple(tables), source.key(path), source.name, source.folder)


def _given(source: Source, about: Field[Any], value: object, path: Path) -> Given:
    place = source.key(path)
    if isinstance(value, Written):
        plain = about.metadata["kind"] in TEXTUAL and not isinstance(value.value, (str, list))
        value = value.text if plain else value.value
    try:
        return Given(parse(about, value), place, source.name, source.folder)
    except ValueError as error:
        return Given(None, place, source.name, source.folder, tuple(map(str, error.args)))
