"""The request body: bounded, read once, replayed byte for byte. The only file that touches `wsgi.input`.

A body that nobody asks for is not read: servers send `100 Continue` at the first read, and uploads stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any

from .errors import Outage, Refused

# One read asks for at most this much, so that a client's announcement alone never allocates memory.
STEP = 64 * 1024
# Read and thrown away before a refusal, so that the client hears the answer instead of a reset connection.
DRAIN = 64 * 1024
# Methods whose body has no meaning (RFC 9110, 9.3); without an announced length they are taken to have none.
BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})


class Replay:
    """`wsgi.input` when its start was read: first those bytes, then the rest of the server's stream.

    Only made of streams that end by themselves, where a read without a size is safe; sizes are passed on as they come.
    """

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head = BytesIO(head)
        self._rest = rest

    def read(self, *size: int | None) -> bytes:
        wanted = size[0] if size else None
        if wanted is None or wanted < 0:
            return self._head.read() + self._rest.read(*size)  # type: ignore[no-any-return]
        data = self._head.read(wanted)
        # One short read is allowed by io, but apps written for servers that fill it would see a truncated body.
        return data if len(data) == wanted else data + self._rest.read(wanted - len(data))

    def readline(self, *size: int | None) -> bytes:
        line = self._head.readline(*size)
        wanted = -1 if not size or size[0] is None else size[0]
        if line.endswith(b"\n") or len(line) == wanted:
            return line
        more = self._rest.readline(*size) if wanted < 0 else self._rest.readline(wanted - len(line))
        return line + more  # type: ignore[no-any-return]

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


class Body:
    """The body of one request."""

    __slots__ = ("_begun", "_data", "_environ", "_length", "_spool", "_unread")

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self._data: bytes | None = None
        self._begun = False
        self._length: int | None = -1
        self._spool: Any = None
        # Bytes that were not read because nobody wanted them any more, once the reading had begun.
        self._unread = 0

    @property
    def length(self) -> int | None:
        """Bytes announced by Content-Length, None when there is none. Raises Refused (400) when it is malformed."""
        if self._length == -1:
            text = self._environ.get("CONTENT_LENGTH")
            if text is None or text == "":
                self._length = None
            elif isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 18:
                self._length = int(text)
            else:
                raise Refused(400, "the Content-Length of the request is not a number of bytes")
        return self._length

    @property
    def terminated(self) -> bool:
        """Whether the stream of a body without length ends by itself."""
        return bool(self._environ.get("wsgi.input_terminated"))

    @property
    def chunked(self) -> bool:
        return self._environ.get("HTTP_TRANSFER_ENCODING") is not None

    @property
    def present(self) -> bool:
        """Whether a body was announced, by length, by a transfer coding or (HTTP/2) by a stream that ends by itself."""
        if self.length is not None:
            return self.length > 0 or self.chunked
        return self.chunked or (self.terminated and not self._bodiless)

    @property
    def _bodiless(self) -> bool:
        return str(self._environ.get("REQUEST_METHOD")).upper() in BODILESS

    def read(self, limit: int) -> bytes:
        """The whole body. Raises Refused: 400 malformed or cut short, 411 length unknowable, 413 over `limit`."""
        data = self._read(limit)
        if data is None:
            raise self._refusal(limit)
        return data

    def _refusal(self, limit: int) -> Refused:
        if self._unknowable:
            return Refused(411, "the request needs a Content-Length")
        return Refused(413, f"the body of the request may have at most {limit} bytes")

    def pour(self, limit: int, memory: int, take: Callable[[bytes], object]) -> int:
        """Hands the whole body to `take`, at most STEP bytes at a time, and returns its length in bytes.

        It is kept for the app meanwhile: up to `memory` bytes as they are, more in a temporary file that has no name
        and ends with `close`. Raises Refused as `read` does, Outage when the disk is full, and whatever `take` raises.
        """
        if self._data is not None or not self.present:
            data = self.read(limit)
            take(data)
            return len(data)
        length = None if self.terminated and (self.length is None or self.chunked) else self.length
        if self._unknowable or (length is not None and length > limit):
            raise self._refusal(limit)
        spool = self._spool = SpooledTemporaryFile(max_size=memory)  # noqa: SIM115  (ends with `close`)
        size = self._copy(limit + 1 if length is None else length, spool, take)
        if length is None and size > limit:
            raise self._refusal(limit)
        if self.length is not None and size != self.length:
            raise Refused(400, "the body of the request is not as long as its Content-Length")
        spool.seek(0)
        self._environ["wsgi.input"] = spool
        return size

    def _copy(self, size: int, spool: Any, take: Callable[[bytes], object]) -> int:
        stream, left = self._environ.get("wsgi.input"), size
        while left > 0:
            piece = self._up_to(stream, min(left, STEP))
            if not piece:
                break
            left -= len(piece)
            try:
                take(piece)
            except Exception:
                self._unread = left if self.length is not None else 0
                raise
            try:
                spool.write(piece)
            except OSError as error:
                raise Outage("the folder for temporary files") from error
        return size - left

    def close(self) -> None:
        """Ends the temporary file, if there is one; the body cannot be read any more then."""
        if self._spool is not None:
            self._spool.close()

    def read_within(self, limit: int) -> bytes | None:
        """As `read`, but None when it is over `limit` bytes or its end cannot be known: the app misses nothing then."""
        return self._read(limit)

    @property
    def _unknowable(self) -> bool:
        return self.chunked and not self.length and not self.terminated

    def _read(self, limit: int) -> bytes | None:
        if self._data is not None:
            return self._data if len(self._data) <= limit else None
        length, stream = self.length, self._environ.get("wsgi.input")
        if length and length <= limit and not self.chunked:
            return self._keep(self._exactly(stream, length))
        if not self.present:
            return b""
        if self.terminated and (length is None or self.chunked):
            return self._to_end(stream, limit)
        if length is None or self._unknowable or length > limit:
            return None
        return self._keep(self._exactly(stream, length))

    def _to_end(self, stream: Any, limit: int) -> bytes | None:
        data = self._up_to(stream, limit + 1)
        if len(data) > limit:
            self._environ["wsgi.input"] = Replay(data, stream)
            return None
        if self.length is not None and self.length != len(data):
            # Who reads up to the length would read another body than the one that is checked (RFC 9112, 6.3).
            raise Refused(400, "the body of the request is not as long as its Content-Length")
        return self._keep(data)

    def _exactly(self, stream: Any, length: int) -> bytes:
        data = self._up_to(stream, length)
        if len(data) < length:
            raise Refused(400, "the body of the request is shorter than its Content-Length")
        return data

    def _keep(self, data: bytes) -> bytes:
        self._data = data
        self._environ["wsgi.input"] = BytesIO(data)
        return data

    def replace(self, data: bytes) -> None:
        """The app reads `data`, in place of what was read here before."""
        self._keep(data)
        self._environ["CONTENT_LENGTH"] = str(len(data))
        self._length = len(data)
        # It is as long as it says, and in no coding of transfer or content.
        self._environ.pop("HTTP_TRANSFER_ENCODING", None)
        self._environ.pop("HTTP_CONTENT_ENCODING", None)

    def drain(self) -> None:
        """Throws a small body away that nobody has read; a large, unknowable or withheld (100-continue) one stays.

        So does that of a method without one, or a client that announces and never sends could hold a health probe.
        """
        # Whatever is wrong with it was no reason for the answer that is about to be given.
        with suppress(Exception):
            left = self._unread if self._begun else self.length or 0
            unasked = "HTTP_EXPECT" in self._environ or self._bodiless
            if not unasked and 0 < left <= DRAIN:
                self._up_to(self._environ.get("wsgi.input"), left)

    def _up_to(self, stream: Any, size: int) -> bytes:
        self._begun = True
        return _up_to(stream, size)


def _up_to(stream: Any, size: int) -> bytes:
    """At most `size` bytes of `stream`, fewer only at its end. Raises Refused (400) when it breaks or lies."""
    pieces: list[bytes] = []
    left = size
    while left > 0:
        try:
            piece = stream.read(min(left, STEP))
        except Exception as error:
            raise Refused(400, "the body of the request could not be read") from error
        if not isinstance(piece, bytes) or len(piece) > left:
            raise TypeError(f"wsgi.input.read({min(left, STEP)}) must return at most that many bytes")
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
