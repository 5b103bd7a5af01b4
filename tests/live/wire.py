"""A raw HTTP/1.1 client: says exactly what it is told and shows exactly what came back."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

Address = tuple[str, int] | str

# Long enough for a busy machine; nothing in the tests waits for it to pass unless something is wrong.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `whole` is False when the connection ended before the announced end of the body."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1])

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        found = self.all(name)
        return found[0] if found else None


class Ended(Exception):
    """The server closed the connection before a whole head had come."""


# How it shows that the server has closed the connection.
ENDINGS = (Ended, BrokenPipeError, ConnectionResetError)


class Wire:
    """One connection to a server, by address or by the path of a unix socket."""

    def __init__(self, address: Address) -> None:
        if isinstance(address, str):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(PATIENCE)
            self._socket.connect(address)
        else:
            self._socket = socket.create_connection(address, timeout=PATIENCE)
        self._buffer = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        """A request with a Host header; a body brings its Content-Length unless `headers` frame it."""
        given = {"Host": "live.test", **(headers or {})}
        if body and not {"Content-Length", "Transfer-Encoding"} & set(given):
            given["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def read(self) -> bytes:
        """What has come and was not looked at yet, else the next bytes; b"" at the end."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            return data
        try:
            return self._socket.recv(65536)
        except ConnectionResetError:
            return b""

    def _more(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self._buffer += data
        return bool(data)

    def head(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Status line and headers of the next response, interim ones too."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                raise Ended(self._buffer)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        return line, tuple((name, value.strip()) for name, _, value in (field.partition(":") for field in fields))

    def answer(self, method: str = "GET") -> Answer:
        """The next final response, read to the end that its head announces."""
        line, headers = self.head()
        while line.split(" ")[1] == "100":
            line, headers = self.head()
        body, whole = self.body(method, line, headers)
        return Answer(line, headers, body, whole)

    def body(self, method: str, line: str, headers: tuple[tuple[str, str], ...]) -> tuple[bytes, bool]:
        """The body after a head that `head()` has read, and whether it came whole."""
        fields = {name.lower(): value for name, value in headers}
        if method == "HEAD" or line.split(" ")[1] in ("204", "304"):
            return b"", True
        if "chunked" in fields.get("transfer-encoding", ""):
            return self._chunks()
        if "content-length" in fields:
            size = int(fields["content-length"])
            body = self.take(size)
            return body, len(body) == size
        while self._more():
            pass
        return self.read() if self._buffer else b"", True

    def _chunks(self) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        while True:
            size = self._line()
            if size is None:
                return b"".join(parts), False
            data = self.take(int(size, 16))
            self._line()
            if not data:
                return b"".join(parts), size == b"0"
            parts.append(data)

    def _line(self) -> bytes | None:
        while b"\r\n" not in self._buffer:
            if not self._more():
                return None
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def take(self, size: int) -> bytes:
        """`size` bytes, or fewer when the connection ends first."""
        while len(self._buffer) < size and self._more():
            pass
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def drain(self) -> int:
        """Throws everything away to the end; how many bytes it was."""
        total = 0
        while data := self.read():
            total += len(data)
        return total

    def finish_sending(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Gone without a goodbye: the server's next write fails."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
