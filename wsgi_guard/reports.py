"""What a part of the guard says of itself when health asks: that it works, that it does not, or that nobody knows."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[], str | None]
"""None while the part works, a sentence while it does not, an `Unproved` one while it is only configured; at once."""


class Unproved(str):
    """Why it is not known whether a part works, as it was not used yet."""

    __slots__ = ()
