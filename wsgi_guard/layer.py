"""What a layer is, and the three values that pass between layers and the guard.

Nothing here knows WSGI, a slice or a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from .facts import Facts

Header = tuple[str, str]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Reply(NamedTuple):
    """A whole answer made by the guard: `status` as on the wire ("404 Not Found"), headers, body bytes.

    A tuple, for a flood is answered with as many of them as there are requests.
    """

    status: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""


class Head:
    """Status line and headers of a response before a byte of it has left.

    A layer's `after` may append to `headers` (a list of its own, never the app's) and must not touch the rest.
    """

    __slots__ = ("code", "exc_info", "headers", "status")

    def __init__(self, status: str, headers: list[Header], exc_info: ExcInfo | None = None) -> None:
        self.status = status
        self.headers = headers
        self.exc_info = exc_info
        self.code = status_code(status)


class Outcome(NamedTuple):
    """How a request ended, told once to every layer.

    `code` is 0 when no head was ever sent. `duration` is in seconds to the end that was seen: `end` is "return" (the
    body was handed over whole), "close" (after the last byte), "disconnect" (closed before the last byte),
    "abandoned" (never closed) or "error". `size`: bytes of the body that were handed over, None where nobody knows.
    """

    code: int
    duration: float
    end: str
    replied: bool = False
    error: BaseException | None = None
    size: int | None = 0


outcome_of: Callable[[tuple[int, float, str, bool, BaseException | None, int | None]], Outcome]
"""As `Outcome(...)` of the same in a tuple, without the call of a function written in Python."""
outcome_of = partial(tuple.__new__, Outcome)


@lru_cache(maxsize=256)
def status_code(status: str) -> int:
    """The three digits of a status line, 0 when it has none."""
    text = status[:3]
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() else 0


class Layer(Protocol):
    """Any object with `name` and any of three methods; the guard binds once, at start, those that exist.

    - `before(facts) -> Reply | None`: a Reply ends the walk.
    - `after(facts, head) -> Reply | None`: inside-out, for every response, before a byte has left; a Reply replaces it.
    - `finish(facts, outcome) -> None`: once, after the last byte or the disconnect; cannot fail the request.

    Two more are optional: `prepare(facts) -> None` runs when every `before` has passed, just ahead of the app (what
    the app finds in the environ is put there), and `start() -> None` once in each process, at its first request.
    """

    name: str


class Before(Protocol):
    def __call__(self, facts: Facts) -> Reply | None: ...


class After(Protocol):
    def __call__(self, facts: Facts, head: Head) -> Reply | None: ...


class Finish(Protocol):
    def __call__(self, facts: Facts, outcome: Outcome) -> None: ...
