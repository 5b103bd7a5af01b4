"""From the merged tables to the frozen sections: defaults filled in, references followed, paths made absolute."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import Field
from types import MappingProxyType
from typing import Any

from .read import keys_of
from .references import Reference, follow
from .sections import Settings
from .tree import Given, Table


class Builder:
    """Makes sections. By dotted path: `origins` says which source gave a key, `places` how a message names the spot.

    What is wrong has its default in the section, a sentence in `problems` and its path in `broken`.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []
        self.origins: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self.broken: set[str] = set()

    def settings(self, given: Table) -> Settings:
        made: Settings = self._section(Settings, given, "")
        return made

    def contradiction(self, paths: tuple[str, ...], sentence: str) -> None:
        """A problem between the keys of `paths`, told at the first; none if one of them is wrong by itself."""
        if self.broken.isdisjoint(paths):
            place = next((self.places[path] for path in paths if path in self.places), paths[0])
            self.problems.append(f"{place}: {sentence}")

    def _section(self, section: type, given: Table | None, path: str) -> Any:
        found: dict[str, Any] = {}
        if given is not None:
            self.places[path] = given.place
            self.broken.update([path] if given.broken else ())
        for name, about in keys_of(section).items():
            here = f"{path}.{name}" if path else name
            within = given.tables.get(name) if given is not None else None
            kind = about.metadata["kind"]
            if kind == "table":
                found[name] = self._section(about.metadata["section"], within, here)
            elif kind == "named":
                found[name] = self._named(about.metadata["section"], within, here)
            elif given is not None and name in given.keys:
                found[name] = self._value(about, given.keys[name], here)
            missing = about.metadata.get("required") and found.get(name) is None
            if missing and self.broken.isdisjoint((here, path)):
                self._wrong(here, path, [f"{name} is missing, and required"])
        return section(**found)

    def _named(self, section: type, given: Table | None, path: str) -> Mapping[str, Any]:
        tables = given.tables if given is not None else {}
        whole = {name: table for name, table in tables.items() if _whole(section, table)}
        return MappingProxyType({name: self._section(section, whole[name], f"{path}.{name}") for name in whole})

    def _value(self, about: Field[Any], given: Given, path: str) -> Any:
        kind, value = about.metadata["kind"], given.value
        self.origins[path], self.places[path] = given.source, given.place
        if given.wrong:
            return self._default(about, path, given.wrong)
        if kind == "listed":
            section = about.metadata["section"]
            return tuple(self._section(section, table, f"{path}.{at}") for at, table in enumerate(value, 1))
        if kind == "location" and value is not None:
            return os.path.join(given.folder, value)
        if not isinstance(value, Reference):
            return value
        try:
            return follow(value, kind, self._environ, given.folder)
        except ValueError as error:
            return self._default(about, path, error.args)

    def _default(self, about: Field[Any], path: str, sentences: Iterable[str]) -> Any:
        self._wrong(path, path, sentences)
        return about.default

    def _wrong(self, path: str, place: str, sentences: Iterable[str]) -> None:
        self.broken.add(path)
        self.problems.extend(f"{self.places[place]}: {sentence}" for sentence in sentences)


def _whole(section: type, table: Table) -> bool:
    """Whether a table is to be: variables that others share may say too little, a lone DB_POOL_SIZE makes no pool."""
    return table.asked or all(
        name in table.keys for name, about in keys_of(section).items() if about.metadata.get("required")
    )
