"""What the processes of one gunicorn master share: their number, whether they drain, a table of counters, a board.

Set in the master before the fork, read in the workers. Without the gunicorn hooks a process stands for itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from mmap import mmap
from typing import TYPE_CHECKING, Any

from .board import Board

if TYPE_CHECKING:
    from socket import socket

    from .cells import Cells
    from .stores.shared import SharedTable


NEWS = 64 * 1024
"""Bytes of what each process may tell of its errors: two dozen causes take 14 KiB, messages under way 10 KiB."""
POST = 1024 * 1024
"""Bytes of what the watching process may tell: a health check with all its trend takes about 6 KiB."""


class Host:
    """`workers` processes answer for this host; `draining()` once the master was told to stop.

    `table` holds the counters of all of them; `board`, `errors` and `pools` what they tell each other of denials, of
    errors and of how full pools are;
    `post` what the one of them tells that watches for all, `cells` what they count for metrics, `door` the socket of
    `admin.listen`; None without the hooks.
    """

    def __init__(self) -> None:
        self.workers = 1
        self.table: SharedTable | None = None
        self.board: Board | None = None
        self.post: Board | None = None
        self.schemas: tuple[str, Mapping[str, Any]] | None = None
        self.cells: Cells | None = None
        self.door: tuple[str, socket] | None = None
        self.errors: Board | None = None
        self.pools: Board | None = None
        self._flag: mmap | None = None
        self._posted = self._opened = 0

    def prepare(self, workers: int) -> None:
        """Makes what the workers must inherit; may be called again, after a reload."""
        self.workers = max(1, workers)
        if self._flag is None:
            # An anonymous shared page: one byte that the master writes and every worker, old or new, reads.
            self._flag = mmap(-1, 1)
            self.board = Board()
            self.post = Board(rows=1, half=POST)
            self.errors = Board(half=NEWS)
            self.pools = Board(half=4096)

    def claim(self) -> Board | None:
        """`post` for the first in this process who asks; None for others, as two of one process cannot share it."""
        if self._posted == os.getpid():
            return None
        self._posted = os.getpid()
        return self.post

    def listen(self, address: str | None) -> None:
        """Binds `address` in the master, for all workers to take connections from. Raises OSError."""
        if self.door is not None and self.door[0] != address:
            # Workers that are on their way out have copies of their own.
            self.door[1].close()
            self.door = None
        if self.door is None and address is not None:
            from .port import bound

            self.door = (address, bound(address))

    def enter(self, address: str) -> socket | None:
        """The master's socket of `address`, for the first in this process who asks; None for others."""
        if self.door is None or self.door[0] != address or self._opened == os.getpid():
            return None
        self._opened = os.getpid()
        return self.door[1].dup()

    def drain(self) -> None:
        if self._flag is not None:
            self._flag[0] = 1

    def draining(self) -> bool:
        return self._flag is not None and self._flag[0] == 1

    def drained_by(self, path: str | None) -> Callable[[], bool]:
        """Says whether to drain: once the master was told to stop, and while the file at `path` exists."""
        return self.draining if path is None else lambda: self.draining() or os.path.exists(path)


HOST = Host()
