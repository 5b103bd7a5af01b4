"""How the end of a response is seen without disturbing it: the response iterable, kept or wrapped.

A list, a file wrapper or a special result goes to the server as the object it is, for servers look at length, type and
identity. Anything else goes in the one wrapper class, which captures what it raises and makes the request current.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import getrefcount
from typing import TYPE_CHECKING, Any

from .facts import CURRENT

if TYPE_CHECKING:
    from .exchange import Exchange

# Containers whose iteration runs no code of the app's. The last ones are mistakes, which the server words better.
WHOLE = frozenset({list, tuple, bytes, bytearray, str, dict, set, frozenset})


def _references(thing: object) -> int:
    return getrefcount(thing)


# What `getrefcount` says of an argument that only the asking function holds; it differs between Pythons.
ALONE = _references(object())


def watched(exchange: Exchange, result: Any, *, held: bool) -> Any:
    """What the server gets for `result`, arranged so that the end of it ends the request.

    `held`: somebody besides the request has a reference to `result`, and may compare it.
    """
    if not is_iterable(result) or (held and not callable(result) and not hasattr(result, "close")):
        # Nothing to iterate, or a singleton that means something to the server (ALREADY_HANDLED of eventlet); but an
        # app that returns itself is held too.
        exchange.finish("return")
        return result
    if _is_kept(result, exchange.environ.get("wsgi.file_wrapper")):
        exchange.count_kept(result)
        if not Closing.attach(exchange, result):
            exchange.finish("return")
        return result
    return SizedStream(exchange, result) if hasattr(type(result), "__len__") else Stream(exchange, result)


def is_iterable(result: Any) -> bool:
    kind = type(result)
    return hasattr(kind, "__iter__") or hasattr(kind, "__getitem__")


def _is_kept(result: Any, file_wrapper: Any) -> bool:
    """Whether the server may know `result` by what it is: a file in any form, a kind of list, a finished response."""
    if isinstance(result, (list, tuple)) or hasattr(type(result), "read"):
        return True
    if isinstance(file_wrapper, type) and isinstance(result, file_wrapper):
        return True
    # `filelike` marks the file wrappers of servers that give out a function to make them; Django's HttpResponse, which
    # its tests and middlewares look into, says `streaming = False`.
    return hasattr(result, "filelike") or getattr(result, "streaming", None) is False


class Closing:
    """Stands in for the `close` of a result that is handed on as it is; runs it and then ends the request."""

    __slots__ = ("_close", "_exchange", "_own", "_result")

    def __init__(self, exchange: Exchange, result: Any) -> None:
        self._exchange: Exchange | None = exchange
        self._result: Any = result
        self._close = getattr(result, "close", None)
        self._own = "close" in getattr(result, "__dict__", ())

    @classmethod
    def attach(cls, exchange: Exchange, result: Any) -> bool:
        """Whether `close` of `result` is watched from now on: attributes can be set and no other request watches."""
        there = getattr(result, "close", None)
        if type(there) is cls and not there.is_inside(exchange):
            # One object answers several requests at a time: whose close it is cannot be known.
            return False
        try:
            result.close = cls(exchange, result)
        except (AttributeError, TypeError):
            return False
        return True

    def is_inside(self, exchange: Exchange) -> bool:
        """Whether this belongs to a guard that runs inside that of `exchange`, for the same request."""
        mine = self._exchange
        return mine is not None and mine.facts is not exchange.facts and mine.facts.root is exchange.facts.root

    def __call__(self) -> None:
        exchange, close, result = self._exchange, self._close, self._result
        if exchange is None:
            return
        self._exchange = self._close = self._result = None
        if self._own:
            result.close = close
        else:
            del result.close
        _close_and_finish(exchange, close, "close", None)

    def __del__(self) -> None:
        if self._exchange is not None:
            self._exchange.finish("abandoned")


class Stream:
    """A response iterable that ends the request when it is closed; the request is current around each `next`."""

    __slots__ = ("_closed", "_error", "_exchange", "_next", "_over", "_result")

    def __init__(self, exchange: Exchange, result: Any) -> None:
        # Let go of at the end: a server may keep this, and the exchange knows the server's `start_response`.
        self._exchange: Any = exchange
        self._result = result
        self._next: Any = None
        self._error: BaseException | None = None
        self._over = False
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._over:
            raise StopIteration
        exchange = self._exchange
        token = CURRENT.set(exchange.facts)
        try:
            if self._next is None:
                self._next = iter(self._result).__next__
            chunk: bytes = self._next()
        except StopIteration:
            self._over = True
            if exchange.reply is None:
                raise
            return exchange.reply_body()  # type: ignore[no-any-return]
        except Exception as error:
            self._over, self._error = True, error
            body: bytes | None = exchange.failed(error)
            if body is None:
                _passes(exchange)
                raise
            return body
        except BaseException as error:
            self._over, self._error = True, error
            _passes(exchange)
            raise
        finally:
            CURRENT.reset(token)
        if exchange.reply is not None:
            # The app started late and a layer's answer went out in place of its own.
            self._over = True
            return exchange.reply_body()  # type: ignore[no-any-return]
        if chunk:
            exchange.sent = True
            exchange.count(chunk)
        return chunk

    def close(self) -> None:
        if self._closed:
            return
        end = "error" if self._error is not None else "close" if self._over else "disconnect"
        self._closed = self._over = True
        exchange, error = self._exchange, self._error
        self._exchange = self._error = self._next = None
        _close_and_finish(exchange, getattr(self._result, "close", None), end, error)

    def __getattr__(self, name: str) -> Any:
        """What else the app's iterable has, for those who know it; never what Python itself looks for."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._result, name)

    def __del__(self) -> None:
        if not self._closed:
            self._exchange.finish("abandoned", self._error)


class SizedStream(Stream):
    """A Stream whose original has a length."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._result)


def _passes(exchange: Exchange) -> None:
    """What was raised goes on to the server, which answers 500 for it where no byte of an answer has left."""
    if not exchange.sent and exchange.reply is None:
        exchange.code = 500


def _close_and_finish(exchange: Exchange, close: Any, end: str, error: BaseException | None) -> None:
    """Runs the app's `close` while the request is current; what it raises passes, once the request has ended."""
    token = CURRENT.set(exchange.facts)
    try:
        if close is not None:
            close()
    except BaseException as failure:
        end, error = "error", failure
        exchange.close_failed(failure)
        raise
    finally:
        exchange.finish(end, error)
        # A traceback holds this frame; a frame that holds the exception would make both live until a collection.
        error = None
        CURRENT.reset(token)
