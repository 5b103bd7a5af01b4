"""How the end of a response is seen without disturbing it: the response iterable, kept or wrapped.

A server may treat a result by its identity (file wrappers, sendfile, ALREADY_HANDLED) or by its length, so the app's
own object goes to the server wherever its `close` can be watched; only pure iterators get the one wrapper class.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from .facts import CURRENT

if TYPE_CHECKING:
    from .guard import Exchange


def kept_whole(result: Any, file_wrapper: Any) -> bool:
    """Whether `result` should reach the server as the object it is."""
    if isinstance(file_wrapper, type) and isinstance(result, file_wrapper):
        return True
    return _kept_by_type(type(result)) and getattr(result, "streaming", False) is not True


@lru_cache(maxsize=256)
def _kept_by_type(kind: type) -> bool:
    """False for what is an iterator and nothing else: a wrapper loses nothing of it and can mark each `next`."""
    if kind is GeneratorType:
        return False
    closing_iterator = hasattr(kind, "__next__") and hasattr(kind, "close")
    return not closing_iterator or hasattr(kind, "__len__") or hasattr(kind, "read")


class Closing:
    """Stands in for the `close` of a result that is handed on as it is; runs it and then ends the request."""

    __slots__ = ("_close", "_exchange", "_had", "_result")

    def __init__(self, exchange: Exchange, result: Any) -> None:
        self._exchange: Exchange | None = exchange
        self._close = getattr(result, "close", None)
        self._had = "close" in getattr(result, "__dict__", ())
        self._result: Any = result

    @classmethod
    def attach(cls, exchange: Exchange, result: Any) -> bool:
        """Watches `close` of `result` if attributes can be set on it and nobody else of us watches it already."""
        if type(getattr(result, "close", None)) is cls:
            # One object answers several requests at a time: whose close it is cannot be known.
            exchange.finish("return")
            return True
        try:
            result.close = cls(exchange, result)
        except (AttributeError, TypeError):
            return False
        return True

    def __call__(self) -> None:
        exchange, close, result = self._exchange, self._close, self._result
        if exchange is None:
            return
        self._exchange = self._close = self._result = None
        if self._had:
            result.close = close
        else:
            del result.close
        _close_and_finish(exchange, close, "close")

    def __del__(self) -> None:
        exchange = getattr(self, "_exchange", None)
        if exchange is not None:
            exchange.finish("abandoned")


class Stream:
    """A response iterable that ends the request when it is closed; the request is current around each `next`."""

    __slots__ = ("_closed", "_exchange", "_next", "_over", "_result")

    def __init__(self, exchange: Exchange, result: Any) -> None:
        self._exchange = exchange
        self._result = result
        self._next: Any = None
        self._over = False
        self._closed = False

    @staticmethod
    def around(exchange: Exchange, result: Any) -> Stream:
        kind = SizedStream if hasattr(type(result), "__len__") else Stream
        return kind(exchange, result)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._over:
            raise StopIteration
        token = CURRENT.set(self._exchange.facts)
        try:
            if self._next is None:
                self._next = iter(self._result).__next__
            return self._next()  # type: ignore[no-any-return]
        except StopIteration:
            self._over = True
            raise
        except Exception as error:
            self._over = True
            return self._exchange.fail_midway(error)
        except BaseException:
            self._over = True
            raise
        finally:
            CURRENT.reset(token)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        end = "close" if self._over else "disconnect"
        token = CURRENT.set(self._exchange.facts)
        try:
            _close_and_finish(self._exchange, getattr(self._result, "close", None), end)
        finally:
            CURRENT.reset(token)

    def __del__(self) -> None:
        if not self._closed:
            self._exchange.finish("abandoned")


class SizedStream(Stream):
    """A Stream whose original has a length."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._result)


def _close_and_finish(exchange: Exchange, close: Any, end: str) -> None:
    error: BaseException | None = None
    try:
        if close is not None:
            close()
    except Exception as failure:
        error = failure
        exchange.close_failed(failure)
        raise
    finally:
        exchange.finish(end, error)
