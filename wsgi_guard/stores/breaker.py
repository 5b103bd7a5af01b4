"""When to leave a server alone that failed, and when to look whether it is back. Pure: `now`, in seconds, is given."""

from __future__ import annotations


class Breaker:
    """Closed while all is well; open from a failure until a look succeeds.

    While open, one look is due after `pause` seconds, the next after twice that, up to `longest`.
    """

    __slots__ = ("_due", "_longest", "_pause", "_shortest", "open")

    def __init__(self, pause: float, longest: float) -> None:
        self._shortest = self._pause = pause
        self._longest = longest
        self._due = 0.0
        self.open = False

    def fail(self, now: float) -> None:
        """A call failed; calls that were under way together count once."""
        if not self.open:
            self.open = True
            self._due = now + self._pause

    def look(self, now: float) -> bool:
        """Whether the caller is the one to look now; nobody else is until the next pause has passed."""
        if not self.open or now < self._due:
            return False
        self._pause = min(self._pause * 2, self._longest)
        self._due = now + self._pause
        return True

    def close(self) -> None:
        self.open = False
        self._pause = self._shortest
