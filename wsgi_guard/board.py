"""Where each process of a host writes what it has to tell, and any of them reads what all have told.

A row belongs to one process while it lives, by a lock that the kernel takes back at its death; who takes the row over
goes on with what it says, so that no count is lost with a worker.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import struct
import tempfile
import threading
from collections.abc import Callable
from typing import Any
from weakref import finalize
from zlib import crc32

ROWS = 256
HALF = 24 * 1024
"""Bytes of half a row: what stands there; the other has room for what is written next. What is never written takes no
memory."""
HEAD = struct.Struct("<QII")
LOOKS = 100
"""Attempts to read a row that is written twice while it is read."""


class Board:
    """Made before the processes are forked that share it. With one row it is a place that one process holds."""

    def __init__(self, rows: int = ROWS, half: int = HALF) -> None:
        self._rows, self._half = rows, half
        self._memory = mmap.mmap(-1, rows * 2 * half)
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        self._joining = threading.Lock()
        self._pid = 0
        self._own: Row | None = None

    def join(self) -> Row | None:
        """The one row of this process; None while as many others have joined as there are rows."""
        if self._pid != os.getpid() or self._own is None:
            with self._joining:
                if self._pid != os.getpid() or self._own is None:
                    self._own = self._take()
                    self._pid = os.getpid()
        return self._own

    def _take(self) -> Row | None:
        for number in range(self._rows):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError:
                continue
            return Row(self, number)
        return None

    def settle(self, take: Callable[[dict[str, Any]], dict[str, Any] | None], own: int) -> None:
        """Shows `take` each row whose process is gone; what it returns stands there from then on, unless None."""
        with self._joining:
            for number in range(self._rows):
                if number == own or not self._latest(number)[0]:
                    continue
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                except OSError:
                    continue
                try:
                    page = take(self.read(number))
                    if page is not None:
                        self.write(number, page)
                finally:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)

    def rows(self, without: int) -> list[dict[str, Any]]:
        """What all rows but one say, also those of processes that have died."""
        found = (self.read(number) for number in range(self._rows) if number != without)
        return [row for row in found if row]

    def read(self, number: int) -> dict[str, Any]:
        for _ in range(LOOKS):
            serial, begin = self._latest(number)
            if not serial:
                break
            _, size, check = HEAD.unpack_from(self._memory, begin)
            data = self._memory[begin + HEAD.size : begin + min(HEAD.size + size, self._half)]
            if crc32(data) == check:
                row: dict[str, Any] = json.loads(data)
                return row
        return {}

    def write(self, number: int, row: dict[str, Any]) -> bool:
        """False when the row is too long for its place; what stood there stays."""
        data = json.dumps(row).encode()
        if len(data) > self._half - HEAD.size:
            return False
        serial, begin = self._latest(number)
        begin += self._half if begin == number * 2 * self._half else -self._half
        self._memory[begin + HEAD.size : begin + HEAD.size + len(data)] = data
        # The number in front goes last: a process that is killed before has written nothing.
        HEAD.pack_into(self._memory, begin, 0, len(data), crc32(data))
        self._memory[begin : begin + 8] = (serial + 1).to_bytes(8, "little")
        return True

    def _latest(self, number: int) -> tuple[int, int]:
        """The serial number of what was written last, 0 for nothing, and where it begins."""
        first = number * 2 * self._half
        serials = [(HEAD.unpack_from(self._memory, begin)[0], begin) for begin in (first, first + self._half)]
        return max(serials)


class Row:
    """`inherited` is what the process before had told; `pages` what the parts of this one tell, by name."""

    def __init__(self, board: Board, number: int) -> None:
        self._board = board
        self._number = number
        self._lock = threading.Lock()
        self.inherited = board.read(number)
        self.pages = dict(self.inherited)

    def write(self, row: dict[str, Any]) -> bool:
        with self._lock:
            return self._board.write(self._number, row)

    def others(self) -> list[dict[str, Any]]:
        return self._board.rows(self._number)

    def settle(self, take: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        self._board.settle(take, self._number)
