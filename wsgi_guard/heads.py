"""Response heads as apps give them and servers keep them: a name found, a type kept, a held head emptied."""

from __future__ import annotations

from typing import Any


def names_request(headers: list[tuple[str, str]]) -> bool:
    """Whether the app sends a request id of its own."""
    try:
        for name, _ in headers:
            if len(name) == 12 and name[0] in "xX" and name.lower() == "x-request-id":
                return True
    except (AttributeError, IndexError, TypeError, ValueError):
        # Headers no server accepts; what is wrong with them is the server's to say.
        return True
    return False


def like(kind: type, headers: list[tuple[str, str]]) -> Any:
    """Headers in the type the app gave them in, which some servers take and others refuse."""
    try:
        return kind(headers)
    except TypeError:
        return headers


def forget_head(server_start: Any) -> None:
    """Empties the head a server holds where a second one is added to it instead of replacing it (PEP 3333).

    Seen in gunicorn 20 to 27 and cheroot 11; `server_start` is a method of what holds the head.
    """
    holder = getattr(server_start, "__self__", None)
    maker = type(holder).__module__
    if maker.startswith("gunicorn.") and not getattr(holder, "headers_sent", True):
        holder.headers = []  # type: ignore[union-attr]
        holder.response_length = None  # type: ignore[union-attr]
    elif maker.startswith("cheroot.") and not getattr(getattr(holder, "req", None), "sent_headers", True):
        holder.req.outheaders = []  # type: ignore[union-attr]
        holder.remaining_bytes_out = None  # type: ignore[union-attr]
