"""An app whose requests fail for one reason, at paths that say how."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any


class Broken(Exception):
    pass


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/fails":
        raise Broken("the one root cause")
    if path == "/exits":
        raise SystemExit(1)
    if path == "/spins":
        # No greenlet lets go of its worker either.
        until = time.monotonic() + 60
        while time.monotonic() < until:
            pass
    body = str(os.getpid()).encode() if path == "/pid" else b"ok"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
