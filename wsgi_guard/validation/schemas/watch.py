"""Whether a schema folder has changed since it was read: in development files are edited under a running app."""

from __future__ import annotations

import threading
from pathlib import Path

from .load import files

# Seconds between two looks; nobody edits faster.
PAUSE = 1.0

Signature = tuple[tuple[str, int, int], ...]


class Watch:
    """Looks at the names, times and sizes of the files below `root`, once in PAUSE seconds at most."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = signature(root)
        self._next = 0.0
        # Held while somebody looks and reloads; nobody waits for it.
        self.busy = threading.Lock()

    def due(self, now: float) -> bool:
        """Whether it is time to look, `now` in seconds of a clock that never goes back."""
        return now >= self._next

    def changed(self, now: float) -> bool:
        """Whether anything is different from what this said the last time."""
        self._next = now + PAUSE
        found = signature(self._root)
        changed, self._seen = found != self._seen, found
        return changed


def signature(root: Path) -> Signature:
    """What tells two states of a folder apart; empty for one that is not there."""
    found: list[tuple[str, int, int]] = []
    try:
        for path in files(root, [], ()):
            about = path.stat()
            found.append((str(path), about.st_mtime_ns, about.st_size))
    except OSError:
        # A file that goes away while it is looked at has changed.
        found.append(("", 0, 0))
    return tuple(found)
