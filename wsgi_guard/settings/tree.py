"""What one source says, parsed, and how sources are laid over each other: key by key, the stronger wins.

A list is one value: a stronger `rules` replaces a weaker one whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Given:
    """The value of a key and who gave it.

    `place` is how a message names the spot, `source` only the source. `wrong` are the sentences about it; then
    `value` is None. An array of tables is a tuple of Table.
    """

    value: Any
    place: str
    source: str
    folder: str
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The keys and tables given in a table.

    `asked` is False if only variables that others share speak of it, `broken` is True where no table was written.
    """

    place: str
    asked: bool = False
    broken: bool = False
    keys: dict[str, Given] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


def merge(weak: Table, strong: Table) -> Table:
    """Both in one; the place is that of the one that was asked for."""
    tables = dict(weak.tables)
    for name, table in strong.tables.items():
        tables[name] = merge(tables[name], table) if name in tables else table
    place = strong.place if strong.asked or not weak.asked else weak.place
    asked, broken = weak.asked or strong.asked, weak.broken or strong.broken
    return Table(place, asked, broken, {**weak.keys, **strong.keys}, tables)
