"""Content codings of request bodies: which a header names, and what compressed bytes hold, under limits."""

from __future__ import annotations

import zlib

from .decide import ENCODED, Denial
from .parse import Malformed

# zlib's window bits: 31 is gzip's frame, 15 zlib's own, -15 none, which some clients call deflate (RFC 9110, 8.4.1.2).
_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
ACCEPTED = "gzip, deflate, identity"
# As Apache's DeflateInflateRatioLimit: text shrinks to a twentieth, zlib's best is a thousandth. What is small is no
# bomb, however well it shrank.
_RATIO = 200
_SMALL = 64 * 1024
# Frames of gzip one behind the other; a client that compresses in blocks has a few.
_FRAMES = 64
_STEP = 64 * 1024


def codings(header: str) -> tuple[str, ...]:
    """The codings of a Content-Encoding header but "identity", in the order in which they were applied."""
    names = (name.strip().lower() for name in header.split(","))
    return tuple(name for name in names if name not in ("", "identity"))


def inflated(data: bytes, names: tuple[str, ...], limit: int) -> bytes:
    """What `data` holds, at most `limit` bytes.

    Raises Denial: 415 for a coding that is not known or a second one, 413 for what is larger or shrank too well; and
    Malformed for what is broken.
    """
    windows = _WINDOWS.get(names[0]) if len(names) == 1 else None
    if windows is None:
        raise Denial(415, ENCODED, "encoding", headers=(("Accept-Encoding", ACCEPTED),))
    for window in windows:
        try:
            return _inflate(data, window, limit)
        except zlib.error:
            continue
    raise Malformed("the body is not encoded as its Content-Encoding says")


def _inflate(data: bytes, window: int, limit: int) -> bytes:
    found = bytearray()
    for _ in range(_FRAMES):
        frame = zlib.decompressobj(window)
        rest = data
        while not frame.eof:
            piece = frame.decompress(rest, _STEP)
            found += piece
            rest = frame.unconsumed_tail
            if len(found) > limit or len(found) > max(_SMALL, _RATIO * len(data)):
                raise Denial(413, f"the body of the request may have at most {limit} bytes once decoded", "encoding")
            if not rest and not piece and not frame.eof:
                raise Malformed("the encoded body is cut short")
        data = frame.unused_data
        if not data:
            return bytes(found)
        if window != 31:
            break
    raise Malformed("the encoded body goes on behind its end")
