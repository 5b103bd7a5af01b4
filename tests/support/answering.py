"""A server that says what a test wants it to, whatever it is asked."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def answering(
    *pieces: bytes, pause: float = 0.0, tls: tuple[Path, Path] | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    """A server that sends these pieces to each who asks, and what it was asked; `tls` are its certificate and key."""
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
    asked: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), line if context is None else context.wrap_socket(line, server_side=True) as client:
                client.settimeout(10)
                asked.append(_question(client))
                for piece in pieces:
                    client.sendall(piece)
                    over.wait(pause)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}", asked
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _question(client: socket.socket) -> bytes:
    """A request with the body that it announces, or what came of one."""
    heard = b""
    while more := client.recv(65536):
        heard += more
        head, end, body = heard.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if b"HTTP/" not in heard or (end and len(body) >= (int(length[1]) if length else 0)):
            break
    return heard


def response(status: str, body: bytes, kind: str = "application/health+json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body
