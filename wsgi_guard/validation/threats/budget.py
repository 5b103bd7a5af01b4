"""What may be spent on looking through a request, so that a crafted one costs no more than its length allows. Pure.

Everything that looks at text says what that costs, about nanoseconds as measured; what comes when the budget is spent
is not looked at. Ordinary requests stay below it.
"""

from __future__ import annotations

# For a request's lines and for its body so much, and so much for each character: `json.loads` takes 4 to 8 of an
# ordinary document. Of lines servers bound the length, so that they need less.
LINES, BODIES, _EACH = 600_000, 1_200_000, 6
# Besides for finding out where to look: so much for each of the first characters, and for each further one.
_FIRST, _NEAR, _FAR = 64 * 1024, 40, 4


class Spent(Exception):
    """There is nothing left to look any further with."""


class Budget:
    """What is left of the budget of texts that are `size` characters long together."""

    __slots__ = ("_size", "left", "present", "sieve", "text")

    def __init__(self, size: int = 0, floor: int = LINES) -> None:
        self._size = size
        self.left, self.sieve = floor + _EACH * size, _sieve(size)
        # The text that was looked through last for words of rules, and which it holds.
        self.text, self.present = "", 0

    def grow(self, size: int) -> None:
        """Makes it that of a request whose largest reading has `size` characters: a body may be read in many ways."""
        if size > self._size:
            self.left += _EACH * (size - self._size)
            self.sieve += _sieve(size) - _sieve(self._size)
            self._size = size

    def lend(self, most: int) -> int:
        """Leaves `most` and as much again for each character as at first; what is taken away, to be given back."""
        spare = max(self.left - most - _EACH * self._size, 0)
        self.left -= spare
        return spare

    def spend(self, cost: int) -> None:
        """Takes `cost`; raises Spent when less than that is left."""
        self.left -= cost
        if self.left < 0:
            raise Spent


def _sieve(size: int) -> int:
    return _NEAR * min(size, _FIRST) + _FAR * max(size - _FIRST, 0)
