"""A multipart/form-data body (RFC 7578) as parts, piece by piece as it comes; never more than a part's head is kept.

Takes only what every reader takes the same way. Whatever two readers could cut differently (a delimiter behind a bare
line feed, a preamble, a boundary that goes on, two names for one part) is Malformed: what was judged would not be what
the app reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .parse import Malformed
from .parts import Part, part_of

# RFC 7578 names three header fields; gunicorn and Apache take at most 8190 bytes for one field of a request.
LONGEST_HEAD = 8 * 1024
_REMEMBERED = 16
_SPACE = b" \t\r\n"
_END = b"\r\n"


class Taker(Protocol):
    """Whoever gets the parts: one `begin`, its content in any number of pieces, one `end`."""

    def begin(self, part: Part) -> None: ...

    def take(self, piece: bytes) -> None: ...

    def end(self) -> None: ...


class Multipart:
    """Cuts what it is fed at `boundary`. All methods raise Malformed for what is ambiguous or over a limit."""

    __slots__ = ("_at", "_buffer", "_delimiter", "_heads", "_last", "_over", "_parts", "_started", "_state", "_taker")

    def __init__(self, boundary: bytes, taker: Taker, max_parts: int) -> None:
        self._delimiter = b"--" + boundary
        self._taker = taker
        self._parts = max_parts
        # Bodies of many parts name the same field again and again.
        self._heads: dict[bytes, Part] = {}
        # The first delimiter may stand at the very start, all others stand behind a line break.
        self._buffer = _END
        self._at = 0
        self._state: Callable[[], bool] = self._content
        # A part has begun; the last delimiter was seen; nothing more will be fed.
        self._started = self._over = self._last = False

    def whole(self, body: bytes) -> None:
        """Takes all of a body at once, as `feed` and `end` do."""
        parts = self._plainly_cut(body)
        if parts is None:
            self.feed(body)
            self.end()
            return
        for head, content in parts:
            self._taker.begin(self._part(head))
            if content:
                self._taker.take(content)
            self._taker.end()

    def _plainly_cut(self, body: bytes) -> list[tuple[bytes, bytes]] | None:
        """Head and content of each part; None for what is not cut at sight, or perhaps not at all."""
        first, *pieces = (_END + body).split(_END + self._delimiter)
        if first or not 1 < len(pieces) <= self._parts + 1 or body.count(self._delimiter) != len(pieces):
            return None
        if pieces.pop() not in (b"--", b"--\r\n"):
            return None
        cut = [piece[2:].partition(b"\r\n\r\n") for piece in pieces]
        if not all(piece.startswith(_END) for piece in pieces) or not all(blank for _, blank, _ in cut):
            return None
        found = [(head, content) for head, _, content in cut]
        return found if max(len(head) for head, _ in found) <= LONGEST_HEAD else None

    def feed(self, piece: bytes) -> None:
        self._buffer += piece
        while self._state():
            pass
        self._buffer, self._at = self._buffer[self._at :], 0

    def end(self) -> None:
        """The body is over; Malformed when it was cut short."""
        self._last = True
        self.feed(b"")
        if not self._over:
            raise Malformed("the multipart body has no end")

    # States: each returns whether there may be more to do with what is in the buffer.

    def _content(self) -> bool:
        """Gives away what stands before the next delimiter; before the first one stands nothing."""
        buffer, delimiter, start = self._buffer, self._delimiter, self._at
        found = buffer.find(delimiter, start)
        if found < 0:
            # A delimiter may have begun: all of it but one byte, and the line break in front.
            self._give(max(start, len(buffer) - len(delimiter) - 1))
            return False
        behind = found + len(delimiter)
        if len(buffer) < behind + 4 and not self._last:
            self._give(max(start, found - 2))
            return False
        return self._cut(found, behind)

    def _cut(self, found: int, behind: int) -> bool:
        buffer, start = self._buffer, self._at
        after, whole = buffer[behind : behind + 2], found >= start + 2 and buffer[found - 2 : found] == _END
        last = after == b"--" and buffer[behind + 2 : behind + 4] in (_END, b"")
        if not whole or not (after == _END or last):
            # Some readers cut at the bare boundary, wherever it stands (RFC 2046, 5.1.1: it must not stand inside).
            raise Malformed("the multipart body holds its boundary where it is no delimiter")
        self._give(found - 2)
        if self._started:
            self._taker.end()
        self._at = behind + 2
        self._state = self._rest if last else self._head
        return True

    def _head(self) -> bool:
        buffer, start = self._buffer, self._at
        stop = buffer.find(b"\r\n\r\n", start, start + LONGEST_HEAD + 4)
        if stop < 0:
            if len(buffer) - start > LONGEST_HEAD:
                raise Malformed(f"the head of a part has more than {LONGEST_HEAD} bytes")
            return False
        self._parts -= 1
        if self._parts < 0:
            raise Malformed("the multipart body has too many parts")
        self._started = True
        self._taker.begin(self._part(buffer[start:stop]))
        self._at = stop + 4
        self._state = self._content
        return True

    def _part(self, head: bytes) -> Part:
        part = self._heads.get(head)
        if part is None:
            part = part_of(head)
            if len(self._heads) < _REMEMBERED:
                self._heads[head] = part
        return part

    def _rest(self) -> bool:
        """Behind the last delimiter stands nothing but white space."""
        self._over = True
        if self._buffer[self._at :].strip(_SPACE):
            raise Malformed("the multipart body goes on behind its end")
        self._at = len(self._buffer)
        return False

    def _give(self, stop: int) -> None:
        """Content up to `stop`, of the part that has begun; in front of the first one stands at most a line break."""
        piece = self._buffer[self._at : stop]
        self._at = max(stop, self._at)
        if piece and self._started:
            self._taker.take(piece)
        elif piece.strip(_SPACE):
            raise Malformed("the multipart body does not begin with its boundary")
