"""One source's tree as parsed keys and tables, with a sentence for everything that is wrong in it.

Knows the sections, not where trees come from; what a stronger source says of the same key is `tree.merge`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from functools import cache
from typing import Any

from .parse import from_variable, label, parse
from .sections import Settings
from .sources import Path, Source, Written
from .tree import Given, Table
from .wording import kind_of, unknown


@cache
def keys_of(section: Any) -> Mapping[str, Field[Any]]:
    """The keys a table may hold; a field that does not describe itself tells about the settings and is not set."""
    return {about.name: about for about in fields(section) if "kind" in about.metadata}


def read(source: Source, problems: list[str]) -> Table:
    """All that `source` says."""
    return Reader(source, problems).table(Settings, source.tree, ())


class Reader:
    """Reads one source; `problems` fills up on the way."""

    def __init__(self, source: Source, problems: list[str]) -> None:
        self._source = source
        self._problems = problems

    def table(self, section: type, tree: object, path: Path) -> Table:
        (found, entries), known = self._opened(tree, path), keys_of(section)
        for name, value in entries.items():
            about = known.get(name) if isinstance(name, str) else None
            if about is None:
                self._wrong(self._source.key((*path, str(name))), unknown(name, known))
            else:
                self._entry(found, about, value, (*path, name))
        return found

    def _entry(self, into: Table, about: Field[Any], value: object, path: Path) -> None:
        kind, section = about.metadata["kind"], about.metadata.get("section", object)
        if kind == "table":
            into.tables[about.name] = self.table(section, value, path)
        elif kind == "named":
            into.tables[about.name] = self._named(section, value, path)
        elif kind == "listed":
            into.keys[about.name] = self._listed(section, value, path)
        else:
            into.keys[about.name] = self._given(about, value, path)

    def _named(self, section: type, tree: object, path: Path) -> Table:
        found, entries = self._opened(tree, path)
        for name, value in entries.items():
            try:
                label(name)
            except ValueError as error:
                self._wrong(self._source.table((*path, str(name))), str(error))
            else:
                found.tables[name] = self.table(section, value, (*path, name))
        return found

    def _listed(self, section: type, items: object, path: Path) -> Given:
        """An array of tables becomes one value: the tables of its items."""
        tables: list[Table] = []
        items = items.value if isinstance(items, Written) else items
        if isinstance(items, (list, tuple)):
            tables += (self.table(section, item, (*path, at)) for at, item in enumerate(items, 1))
        else:
            self._wrong(self._source.key(path), f"expected an array of tables, not {kind_of(items)}")
        return Given(tuple(tables), self._source.key(path), self._source.name, self._source.folder)

    def _given(self, about: Field[Any], value: object, path: Path) -> Given:
        source, place = self._source, self._source.key(path)
        if isinstance(value, Written):
            value = from_variable(about, value.value, value.text)
        try:
            return Given(parse(about, value), place, source.name, source.folder)
        except ValueError as error:
            sentences = tuple(map(str, error.args))
        if source.asked:  # else it is wrong only if it takes effect, which is seen later
            for sentence in sentences:
                self._wrong(place, sentence)
        return Given(None, place, source.name, source.folder, sentences)

    def _opened(self, tree: object, path: Path) -> tuple[Table, Mapping[Any, object]]:
        """An empty table, and what is to be read into it."""
        tree = tree.value if isinstance(tree, Written) else tree
        place = self._source.table(path)
        if isinstance(tree, Mapping):
            return Table(place, self._source.asked), tree
        self._wrong(place, f"expected a table, not {kind_of(tree)}")
        return Table(place, self._source.asked, broken=True), {}

    def _wrong(self, place: str, sentence: str) -> None:
        self._problems.append(f"{place}: {sentence}")
