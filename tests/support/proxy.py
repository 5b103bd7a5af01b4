"""A TCP proxy that breaks on command: silence, reset connections, a closed door."""

from __future__ import annotations

import socket
import struct
import threading
from urllib.parse import urlsplit, urlunsplit

from tests.support.processes import HOST, free_port


class BreakableProxy:
    """Stands before the server of `target` (a URL); clients use `url`, which differs in host and port only."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._upstream = (parts.hostname or HOST, parts.port or 0)
        self.port = free_port()
        name = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        self.url = urlunsplit(parts._replace(netloc=f"{name}{HOST}:{self.port}"))
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._servers: set[socket.socket] = set()
        self._silent: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.accept()

    def deafen(self) -> None:
        """Connections stay and new ones are accepted, but not one byte passes until `hear()`."""
        self._flows.clear()

    def hear(self) -> None:
        self._flows.set()

    def drop(self) -> None:
        """Reset every connection there is; new ones are still served."""
        with self._lock:
            victims, self._open = self._open, set()
        for victim in victims:
            _reset(victim)

    def forget(self) -> None:
        """Every connection ends on the server's side, and clients are told nothing, as by a router that restarted."""
        with self._lock:
            self._silent |= self._servers & self._open
        for server in self._silent:
            _reset(server)

    def refuse(self) -> None:
        """Reset every connection and refuse new ones until `accept()`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Wakes the thread that waits in accept(); closing alone would not.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.drop()

    def accept(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server((HOST, self.port), backlog=128)
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        self.refuse()
        self.hear()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream, timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
                self._servers.add(server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
            if source not in self._silent:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        finally:
            self._leave(source)

    def _leave(self, source: socket.socket) -> None:
        """Each pump closes the socket it reads from, so no descriptor is closed under the other's hands."""
        with self._lock:
            self._open.discard(source)
            self._servers.discard(source)
        source.close()


def _reset(sock: socket.socket) -> None:
    """End a connection with RST; the pump that reads from it closes the descriptor."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
