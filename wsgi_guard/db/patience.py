"""When a short wait is worth it: as an adaptive mutex spins, and gives up spinning where that is in vain. Pure."""

from __future__ import annotations

LEAST, MOST = 2, 512
"""Waits that go without the short one after it was in vain: at first, and at most."""


class Patience:
    """Doubles what goes without after each wait in vain and takes a quarter off after each other one: where more than
    three of ten are in vain they become rare."""

    __slots__ = ("_skip", "_skips")

    def __init__(self) -> None:
        self._skip = 0
        self._skips = LEAST

    def tries(self) -> bool:
        """Whether to wait for a moment now; `told` is to be called with what came of it."""
        if self._skip:
            self._skip -= 1
            return False
        return True

    def told(self, *, answered: bool) -> None:
        if answered:
            self._skips = max(LEAST, self._skips * 3 // 4)
        else:
            self._skip = self._skips
            self._skips = min(2 * self._skips, MOST)
