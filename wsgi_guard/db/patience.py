"""When a short wait is worth it: where threads crowd and answers come at once, as an adaptive mutex spins. Pure."""

from __future__ import annotations

CROWDED = 0.00015
"""Seconds after which a wait was long: an answer of the same machine takes a third unless other threads have the
interpreter meanwhile."""
ROW = 2
"""Long waits one after the other after which short ones are tried; a single one may be anything."""
AGAIN = 1000
"""Short waits after which a usual one shows whether threads still crowd."""
LEAST, MOST = 2, 512
"""Long waits that are passed over after a short one in vain: at first, and at most."""


class Patience:
    """Doubles what is passed over after each short wait in vain, and takes a quarter off after each other one: where
    more than three of ten are in vain they become rare."""

    __slots__ = ("_left", "_long", "_skip", "_skips")

    def __init__(self) -> None:
        self._left = self._long = self._skip = 0
        self._skips = LEAST

    @property
    def short(self) -> bool:
        """Whether the next wait is to be short at first; `told` is to be called with what came of it."""
        return self._left > 0

    def told(self, *, answered: bool) -> None:
        if answered:
            self._left -= 1
            self._skips = max(LEAST, self._skips * 3 // 4)
        else:
            self._left = 0
            self._skip = self._skips
            self._skips = min(2 * self._skips, MOST)

    def took(self, seconds: float) -> None:
        """A usual wait has ended. It was long because of the server or of other threads: a short one will show."""
        if seconds <= CROWDED:
            self._long = 0
        elif self._skip:
            self._skip -= 1
        else:
            self._long += 1
            if self._long >= ROW:
                self._left = AGAIN
