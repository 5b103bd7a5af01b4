"""Whether a mail server greets (RFC 5321, 3.1): a 220, read within the time there is, then QUIT. Nothing is sent."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from wsgi_guard.deadline import Line, within

from .decide import FAIL, PASS, Reading

LARGEST = 4096
"""Bytes of a greeting that are read; RFC 5321 allows 512 a line, and several lines."""
PORTS = {"smtp": 25, "smtps": 465}


def greeting(url: str) -> Callable[[float], Reading]:
    """A check of `url`, smtp:// or smtps:// (TLS from the first byte, with the system's certificates)."""
    parts = urlsplit(url)
    host, port, secure = parts.hostname or "", parts.port or PORTS[parts.scheme], parts.scheme == "smtps"

    def run(timeout: float) -> Reading:
        code = within(timeout, ask)
        observed = {"code": code} if code else {}
        if code == 220:
            return Reading(PASS, "", observed)
        return Reading(FAIL, f"answered {code}" if code else "no SMTP greeting", observed)

    def ask(line: Line) -> int:
        plain = line.open(host, port)
        with _secured(plain, host) if secure else plain as server:
            code = spoken(server)
            server.sendall(b"QUIT\r\n")
        return code

    return run


def spoken(server: socket.socket) -> int:
    """The code of a whole reply, 0 for what is none. Raises OSError."""
    data = b""
    while len(data) < LARGEST:
        more = server.recv(1024)
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
