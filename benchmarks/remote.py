"""An app measured in a process of its own, because it changes what it shares a process with.

`sentry_sdk.init` patches Flask and logging for the whole process, so the composite must not live with the others. The
child runs requests only when asked, so all variants still take turns.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OBSERVED = "observed"
"""In place of a storage: the composite of log and metrics alone."""


class Remote:
    """The composite on `storage`, or OBSERVED; `time(method, count)` is the mean of so many, in microseconds."""

    def __init__(self, storage: str) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), storage]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, method: str, count: int) -> float:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(f"{method} {count}\n")
        self._child.stdin.flush()
        return float(self._child.stdout.readline())

    def close(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=20)


@contextmanager
def composite(storage: str) -> Iterator[Remote]:
    remote = Remote(storage)
    try:
        yield remote
    finally:
        remote.close()


def serve(storage: str) -> None:
    import apps
    from overhead import request_of, timed

    app = apps.observed() if storage == OBSERVED else apps.composite(storage)
    requests = {"GET": request_of(app, "GET"), "POST": request_of(app, "POST", apps.BODY)}
    for line in sys.stdin:
        method, count = line.split()
        print(timed(requests[method], int(count)), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
