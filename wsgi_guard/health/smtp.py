"""Whether a mail server greets (RFC 5321, 3.1): a 220, read within the time there is, then QUIT. Nothing is sent."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from .decide import FAIL, PASS, Reading

LARGEST = 4096
"""Bytes of a greeting that are read; RFC 5321 allows 512 a line, and several lines."""
PORTS = {"smtp": 25, "smtps": 465}


def greeting(url: str) -> Callable[[float], Reading]:
    """A check of `url`, smtp:// or smtps:// (TLS from the first byte, with the system's certificates)."""
    parts = urlsplit(url)
    host, port, secure = parts.hostname or "", parts.port or PORTS[parts.scheme], parts.scheme == "smtps"

    def run(timeout: float) -> Reading:
        deadline = time.monotonic() + timeout
        with socket.create_connection((host, port), timeout) as plain:
            line = _secured(plain, host) if secure else plain
            code = spoken(line, deadline)
            line.sendall(b"QUIT\r\n")
        observed = {"code": code} if code else {}
        if code == 220:
            return Reading(PASS, "", observed)
        return Reading(FAIL, f"answered {code}" if code else "no SMTP greeting", observed)

    return run


def spoken(line: socket.socket, deadline: float) -> int:
    """The code of a whole reply, 0 for what is none. Raises OSError, TimeoutError after `deadline` too."""
    data = b""
    while len(data) < LARGEST:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        more = line.recv(1024)
        data += more
        *lines, _ = data.split(b"\r\n")
        last = lines[-1] if lines else b""
        if last[:3].isdigit() and last[3:4] in (b" ", b""):
            return int(last[:3])
        if not more or (lines and not last[:3].isdigit()):
            break
    return 0


def _secured(plain: socket.socket, host: str) -> socket.socket:
    import ssl

    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
