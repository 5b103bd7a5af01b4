"""What a Redis server answers, in protocol 2 (redis.io, "Redis serialization protocol specification"). Pure.

Read here and not by the driver, which waits anew for each piece of a reply and takes one of any length.
"""

from __future__ import annotations

from typing import Any

LARGEST = 1024 * 1024
"""Bytes of a reply: the map of a cluster with thousands of nodes."""
DEEPEST = 8
"""Lists within lists; the map of a cluster has four."""


class Rejected(Exception):
    """The server's own error: `code` is its first word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code, _, self.rest = text.partition(" ")


class Partial(Exception):
    """The rest of the reply has not come yet."""


def read(data: bytes) -> Any:
    """The one reply that `data` is: an int, bytes, None, or a list of these.

    Raises Partial where more must come, Rejected for an error, and ValueError for what is no reply, or more than one.
    """
    if data.startswith(b"$") and data.endswith(b"\r\n"):
        # Nearly every reply: one string.
        head, _, text = data.partition(b"\r\n")
        try:
            if int(head[1:]) == len(text) - 2:
                return text[:-2]
        except ValueError:
            pass
    value, end = _value(data, 0, 0)
    if end < len(data):
        raise ValueError("the server sent more than it was asked for")
    if isinstance(value, Rejected):
        raise value
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    end = data.find(b"\r\n", at)
    if end < 0:
        if len(data) > LARGEST:
            raise ValueError("the server's reply is too long")
        raise Partial
    kind, text, end = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"+":
        return text, end
    if kind == b"-":
        return Rejected(text[:200].decode("utf-8", "replace")), end
    if kind not in (b":", b"$", b"*"):
        raise ValueError("the server does not speak as a Redis")
    number = int(text)
    if kind == b":":
        return number, end
    if number < 0:
        return None, end
    if number > LARGEST:
        raise ValueError("the server's reply is too long")
    return _text(data, end, number) if kind == b"$" else _list(data, end, number, depth + 1)


def _text(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    end = at + size
    if len(data) < end + 2:
        raise Partial
    if data[end : end + 2] != b"\r\n":
        raise ValueError("the server's reply is torn")
    return data[at:end], end + 2


def _list(data: bytes, at: int, size: int, depth: int) -> tuple[list[Any], int]:
    if depth > DEEPEST:
        raise ValueError("the server's reply is nested too deep")
    found = []
    for _ in range(size):
        value, at = _value(data, at, depth)
        found.append(value)
    return found, at
