"""Whether a file system takes what is written to it: a real write, free room and free inodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from wsgi_guard.settings.fields import Threshold

from .decide import FAIL, PASS, Reading

# Percent free for an ordinary user; ext4 keeps its last 5 % for root.
WARNS = (Threshold("free_percent", "<", 10), Threshold("free_inodes_percent", "<", 10))
FAILS = (Threshold("free_percent", "<", 5), Threshold("free_inodes_percent", "<", 5))


def disk(path: str) -> Callable[[float], Reading]:
    """A check of the room on the file system that holds `path`."""
    return lambda timeout: Reading(PASS, "", dict(room(path)))


def writable(path: str) -> Callable[[float], Reading]:
    """A check that a folder takes a new file, or that a file can be opened to append; and of the room there."""

    def run(timeout: float) -> Reading:
        observed = dict(room(path))
        try:
            write(path)
        except OSError as error:
            reason = f": {os.strerror(error.errno)}" if error.errno else ""
            return Reading(FAIL, f"not writable{reason}", observed)
        return Reading(PASS, "", observed)

    return run


def room(path: str) -> Iterator[tuple[str, float]]:
    """Percent of blocks and inodes free; a file system that makes inodes as it needs them has no number of them."""
    found = os.statvfs(path)
    used = found.f_blocks - found.f_bfree
    if used + found.f_bavail:
        yield "free_percent", round(100 * found.f_bavail / (used + found.f_bavail), 1)
    if found.f_files:
        yield "free_inodes_percent", round(100 * found.f_favail / found.f_files, 1)


def write(path: str) -> None:
    """A byte reaches the disk in a folder; a file is left as it is. Raises OSError."""
    if not os.path.isdir(path):
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))
        return
    from tempfile import TemporaryFile

    with TemporaryFile(dir=path, prefix=".wsgi_guard-") as file:
        file.write(b"w")
        file.flush()
        os.fsync(file.fileno())
