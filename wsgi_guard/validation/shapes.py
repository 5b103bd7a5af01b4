"""What a value should look like, as conversion, defaults and the threat screen see it; a plain tree (or graph)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cleaning import Cleaning


class Shape:
    """One place of a schema. A shape nobody filled in says nothing: any type, nothing to convert or to skip."""

    __slots__ = (
        "additional", "choices", "clean", "cleans", "coerce", "defaults", "fills", "fits", "items", "patterns",
        "prefix", "properties", "silent", "skip", "types",
    )  # fmt: skip

    def __init__(self) -> None:
        self.types: frozenset[str] | None = None
        self.coerce = True
        # Where a text could become more than one thing: the shapes of the forms that a value here may have, and whether
        # a value fits all that is said of it.
        self.choices: tuple[Shape, ...] = ()
        self.fits: Callable[[Any], bool] | None = None
        # Classes of attack that are not looked for in a text that stands here; `silent` when that is all of them.
        self.skip: frozenset[str] = frozenset()
        self.silent = False
        self.properties: dict[str, Shape] = {}
        self.patterns: list[tuple[re.Pattern[str], Shape]] = []
        self.additional: Shape | None = None
        self.items: Shape | None = None
        self.prefix: list[Shape] = []
        self.defaults: dict[str, Any] = {}
        # How a text that stands here is cleaned, None for not at all.
        self.clean: Cleaning | None = None
        self.fills = self.cleans = False

    def settle(self) -> bool:
        """Notes whether a default, or a text to clean, stands here or below; True when that changed what was known."""
        parts = self.parts()
        known = bool(self.defaults) or any(part.fills for part in parts), self._cleans(parts)
        changed = known != (self.fills, self.cleans)
        self.fills, self.cleans = known
        return changed

    def _cleans(self, parts: list[Shape]) -> bool:
        return self.clean is not None or any(part.cleans for part in parts)

    def parts(self) -> list[Shape]:
        found = [*self.properties.values(), *(shape for _, shape in self.patterns), *self.prefix]
        return found + [shape for shape in (self.additional, self.items) if shape is not None]

    def of(self, name: str) -> Shape:
        """The shape of the property `name`."""
        found = self.properties.get(name)
        if found is None and self.patterns:
            found = next((shape for pattern, shape in self.patterns if pattern.search(name)), None)
        return found or self.additional or ANY

    def texts(self) -> Shape:
        """The shape of the texts of a field that may stand here as a list, by repetition or by commas."""
        return (self.items or ANY) if self.types is not None and "array" in self.types else self

    def at(self, index: int) -> Shape:
        """The shape of the item at `index`."""
        return self.prefix[index] if index < len(self.prefix) else self.items or ANY


ANY = Shape()
