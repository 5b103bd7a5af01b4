"""A bounded memory of what was derived lately: the one cache of the spine.

Two generations of dicts: a hit costs one look-up at the speed of C and no lock, and the worst a client can do by never
repeating itself is to throw the older half away. Races between threads lose an entry, never mix two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V]):
    """Holds at most `2 * size` entries; the dict itself is the younger half. None cannot be a value."""

    __slots__ = ("_old", "_size")

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._old: dict[K, V] = {}

    if TYPE_CHECKING:

        def get(self, key: K) -> V | None:  # type: ignore[override]
            """What was put for `key`, None when it is forgotten."""
    else:
        # Calls `__missing__`, which `dict.get` does not.
        get = dict.__getitem__

    def __missing__(self, key: K) -> V | None:
        value = self._old.get(key)
        if value is not None:
            self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        if len(self) >= self._size:
            self._old = self.copy()
            self.clear()
        self[key] = value

    def forget(self, key: K) -> None:
        self.pop(key, None)
        self._old.pop(key, None)

    def forget_all(self) -> None:
        self._old = {}
        self.clear()

    def all(self) -> list[V]:
        return [*self._old.values(), *self.values()]

    def count(self) -> int:
        return len(self) + len(self._old)
