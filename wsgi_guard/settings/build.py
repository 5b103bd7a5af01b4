"""From the merged tables to the frozen sections: defaults filled in, references followed, paths made absolute."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field
from types import MappingProxyType
from typing import Any

from .read import keys_of
from .references import Reference, follow
from .sections import Settings
from .tree import Given, Table


class Builder:
    """Makes sections; `problems` and `origins` fill up on the way."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []
        self.origins: dict[str, str] = {}

    def section(self, section: type, given: Table | None, path: str = "") -> Any:
        """An instance of `section`; what is missing or wrong in it has its default and is told."""
        found: dict[str, Any] = {}
        for name, about in keys_of(section).items():
            here = f"{path}.{name}" if path else name
            kind = about.metadata["kind"]
            if kind == "table":
                found[name] = self.section(about.metadata["section"], _within(given, name), here)
            elif kind == "named":
                found[name] = self._named(about.metadata["section"], _within(given, name), here)
            elif given is not None and name in given.keys:
                found[name] = self._value(about, given.keys[name], here)
            elif about.metadata.get("required") and given is not None:
                self.problems.append(f"{given.place}: {name} is missing, it is required")
        return section(**found)

    def _named(self, section: type, given: Table | None, path: str) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name, table in given.tables.items() if given is not None else ():
            if table.asked or _is_complete(section, table):
                found[name] = self.section(section, table, f"{path}.{name}")
        return MappingProxyType(found)

    def _value(self, about: Field[Any], given: Given, path: str) -> Any:
        self.origins[path] = given.source
        kind = about.metadata["kind"]
        if given.wrong:
            self.problems.extend(f"{given.place}: {sentence}" for sentence in given.wrong)
            return about.default
        if kind == "listed":
            tables = enumerate(given.value, 1)
            return tuple(self.section(about.metadata["section"], table, f"{path}.{at}") for at, table in tables)
        if isinstance(given.value, Reference):
            return self._followed(given, kind, about.default)
        if kind == "location" and given.value is not None:
            return os.path.join(given.folder, given.value)
        return given.value

    def _followed(self, given: Given, kind: str, default: Any) -> Any:
        try:
            return follow(given.value, kind, self._environ, given.folder)
        except ValueError as error:
            self.problems.append(f"{given.place}: {error}")
            return default


def _within(given: Table | None, name: str) -> Table | None:
    return None if given is None else given.tables.get(name)


def _is_complete(section: type, table: Table) -> bool:
    """Whether variables that others share say enough: a lone DB_POOL_SIZE makes no pool."""
    required = [name for name, about in keys_of(section).items() if about.metadata.get("required")]
    return all(name in table.keys for name in required)


def build_settings(given: Table, environ: Mapping[str, str]) -> tuple[Settings, Builder]:
    builder = Builder(environ)
    settings: Settings = builder.section(Settings, given)
    return settings, builder
