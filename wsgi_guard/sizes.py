"""How large a body is, as far as that can be known without reading it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chain import Chain


class Sized:
    """Counts the body of one answer: `size` is None where only the server knows what it sends."""

    size: int | None = 0
    # The headers that went out, kept where somebody watches: the list itself is the server's from then on.
    announced: tuple[Any, ...] = ()
    chain: Chain

    def count(self, data: Any) -> None:
        """Adds a piece of the body, if it is one."""
        if type(data) is bytes and self.size is not None:
            self.size += len(data)

    def count_whole(self, result: Any) -> None:
        """Adds a body that is handed over whole, if somebody watches."""
        if not self.chain.around:
            return
        size = whole_size(result)
        self.size = None if size is None or self.size is None else self.size + size

    def count_kept(self, result: Any) -> None:
        """Notes the size of a body that the server gets as the object it is, if somebody watches."""
        if self.chain.around:
            self.size = announced_size(self.announced, result)


def whole_size(result: Any) -> int | None:
    """Bytes of a list or tuple; None for one that holds other things."""
    try:
        return len(result[0]) if len(result) == 1 else sum(map(len, result))
    except (TypeError, LookupError):
        return None


def announced_size(headers: Iterable[Any], result: Any) -> int | None:
    """What a `Content-Length` says of a file; else of what a finished response of Django's holds, else None."""
    for header in headers:
        try:
            if header[0].lower() == "content-length":
                return int(header[1])
        except (AttributeError, LookupError, TypeError, ValueError):
            # Headers no server accepts.
            continue
    if isinstance(result, (list, tuple)):
        return whole_size(result)
    content = getattr(result, "content", None) if getattr(result, "streaming", None) is False else None
    return len(content) if type(content) is bytes else None
