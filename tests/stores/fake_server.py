"""A server that is no Redis: it answers PING, and everything else with the bytes it was given."""

from __future__ import annotations

import socket
from threading import Thread

PONG = b"+PONG\r\n"


class FakeServer:
    """`answer` None closes the connection instead of answering. `seen` are the commands other than PING."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.seen: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while data := client.recv(65536):
                if b"PING" in data:
                    client.sendall(PONG)
                elif b"SETINFO" in data:
                    client.sendall(b"+OK\r\n")
                else:
                    self.seen.append(data)
                    if self.answer is None:
                        return
                    client.sendall(self.answer)

    def close(self) -> None:
        self._listener.close()
