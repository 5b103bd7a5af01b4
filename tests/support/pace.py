"""How long something takes with a text, for tests of how that grows."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(act: Callable[[str], object], piece: str, length: int) -> float:
    """The best of three times that `act` takes with `piece` repeated to so many characters."""
    text = (piece * length)[:length]
    best = 10.0
    for _ in range(3):
        begun = time.perf_counter()
        act(text)
        best = min(best, time.perf_counter() - begun)
    return best
