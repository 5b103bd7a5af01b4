"""Access lines past logging, to a file or to standard error; many in a short time are one write."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from typing import Any

from .batch import Batch
from .file import File

log = logging.getLogger("wsgi_guard")


class Direct:
    """`path` None is standard error. What cannot be written is counted, and said once for each new reason."""

    def __init__(self, path: str | None) -> None:
        if find_spec("orjson") is None:
            raise ValueError("log.handler: 'direct' needs the package orjson, which the extra wsgi-guard[fast] brings")
        self._path = path
        self._said = ""
        self.lost = 0

    def open(self) -> None:
        """Once in each process. Raises OSError when the file cannot be opened."""
        import orjson

        self._dumps = orjson.dumps
        self.file = File(self._path)
        self.batch = Batch(self._write)
        self._add = self.batch.add

    def add(self, line: str, more: dict[str, Any] | None, now: float) -> None:
        """Adds a line of JSON, which lacks its last brace and what `more` holds."""
        if more is None:
            self._add(f"{line}}}\n".encode(), now)
        else:
            self._add(b"%b,%b\n" % (line.encode(), self._dumps(more)[1:]), now)

    def _write(self, lines: list[bytes], now: float) -> None:
        try:
            self.file.write(b"".join(lines), now)
        except OSError as error:
            self._lose(len(lines), error)

    def _lose(self, count: int, error: OSError) -> None:
        self.lost += count
        reason = os.strerror(error.errno or 0)
        if reason != self._said:
            self._said = reason
            log.error("an access line could not be written: %s; further ones are counted only", reason)
