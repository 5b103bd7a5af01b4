"""Guard: the one WSGI callable, and the way of one request through it.

The only file that touches `start_response` and the response iterable, so PEP 3333 is got right here or nowhere. It
knows no slice: the chain of layers, and the capture that every exception goes to, come from `stack.py`.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .chain import Afters
from .ending import Closing, Stream, kept_whole
from .errors import ConfigurationError, Refused
from .facts import CURRENT, Environ, Facts, current
from .layer import After, ExcInfo, Head, Outcome, Reply, status_code

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

    from .stack import Stack

NO_BODY = (204, 304)


class Guard:
    """`app` with error capture, rate limits, validation, health and a pool around it; itself a WSGI callable.

    `settings` is the path of a TOML file or a dict with the same keys; without it the environment and
    `./wsgi_guard.toml` speak. `only` names the layers to have (setting `guard.layers`). Raises ConfigurationError with
    every problem found.
    """

    def __new__(cls, app: Any, settings: Any = None, *, only: Sequence[str] | None = None) -> Guard:
        if isinstance(app, Guard) and settings is None and only is None:
            return app
        return super().__new__(cls)

    def __init__(
        self,
        app: WSGIApplication,
        settings: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        only: Sequence[str] | None = None,
    ) -> None:
        if app is self:
            return
        if isinstance(app, Guard):
            raise ConfigurationError(["the app is a Guard already, settings for a second one around it have no place"])
        if not callable(app):
            raise ConfigurationError([f"the app must be a WSGI callable, not {type(app).__name__!r}"])
        from .stack import build

        self.app = app
        self.stack: Stack = build(settings, only)
        self._begun = False
        self._lock = threading.Lock()
        ref = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(ref))

    def __repr__(self) -> str:
        names = " > ".join(layer.name for layer in self.stack.full.layers)
        return f"<Guard {names} > {getattr(self.app, '__name__', type(self.app).__name__)!r}>"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not self._begun:
            self.begin()
        outer = current()
        if outer is not None and environ.get("wsgi_guard.request_id") != outer.request_id:
            outer = None
        return Exchange(self, environ, start_response, outer).run()

    def begin(self) -> None:
        """Starts what each process needs of its own: once, at its first request."""
        with self._lock:
            if not self._begun:
                for start in self.stack.full.starts:
                    start()
                self._begun = True


def _forget(ref: weakref.ref[Guard]) -> None:
    guard = ref()
    if guard is not None:
        guard._begun = False
        guard._lock = threading.Lock()


class Exchange:
    """One request on its way: the app's `start_response`, the head, the door every answer leaves by, the end."""

    # Defaults on the class, as in Facts.
    _status: str | None = None
    _headers: list[tuple[str, str]]
    _exc_info: ExcInfo | None = None
    _reply: Reply | None = None
    _server_write: Callable[[bytes], object] | None = None
    _late = False
    _done = False
    flushed = False
    code = 0

    def __init__(self, guard: Guard, environ: Environ, start_response: StartResponse, outer: Facts | None) -> None:
        self._stack = stack = guard.stack
        self.chain = stack.full if outer is None else stack.nested
        self._nested = outer is not None
        self.app = guard.app
        self.environ = environ
        self.facts = facts = Facts(environ, stack.origin, outer)
        environ["wsgi_guard.request_id"] = facts.request_id
        self._server_start = start_response

    def run(self) -> Iterable[bytes]:
        token = CURRENT.set(self.facts)
        kept = False
        try:
            reply = self._before()
            if reply is not None:
                return self._answer(*reply)
            self._prepare()
            result = self.app(self.environ, self.start_response)
            answer = self._hand_over(result)
            kept = answer is result and not self._done and token.old_value in (token.MISSING, None)
            return answer
        except StopIteration:
            # How an app that took the socket over (a WebSocket under gunicorn) tells the server to leave it alone.
            self.finish("return")
            raise
        except Exception as error:
            return self._failed(error)
        except BaseException as error:
            self.finish("error", error)
            raise
        finally:
            # A result kept as it is may run app code while the server iterates it, out of our sight but in this
            # context; the value left behind counts for nothing once the request is closed (`facts.open`).
            if not kept:
                CURRENT.reset(token)

    # the way in

    def _before(self) -> tuple[Reply, Afters] | None:
        for before, layer, afters in self.chain.befores:
            try:
                reply = before(self.facts)
            except Refused as refused:
                return self._stack.problem(self.facts, refused), afters
            except Exception as error:
                reply = self._layer_failed(layer, error)
            if reply is not None:
                return reply, afters
        return None

    def _prepare(self) -> None:
        environ, facts = self.environ, self.facts
        environ["wsgi_guard.client_ip"] = facts.client_ip
        environ["wsgi_guard.identity"] = facts.identity
        if facts._validated:
            environ["wsgi_guard.validated"] = facts._validated
        for prepare in self.chain.prepares:
            prepare(facts)

    # what the app calls

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        if exc_info is not None:
            self._seen(exc_info)
        if self.flushed:
            return self._start_again(status, headers, exc_info)
        if self._status is not None and exc_info is None:
            # Twice without exc_info is the app's mistake; the server says so in its own words.
            self._flush(self.chain.afters)
            return self._server_start(status, headers)
        if type(status) is not str or not isinstance(headers, list):
            self.flushed = True
            self._server_write = self._call_server(status, headers, exc_info)
            return self._server_write
        self._status, self._headers, self._exc_info = status, headers, exc_info
        if self._late:
            self._flush(self.chain.afters)
        return self.write

    def write(self, data: bytes) -> object:
        if not self.flushed:
            self._flush(self.chain.afters)
            if self._reply is not None and self._server_write is not None:
                self._server_write(self._reply.body)
        if self._reply is not None or self._server_write is None:
            return None
        return self._server_write(data)

    def _start_again(self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None) -> Any:
        """A second head after the first was handed over: only the server knows whether bytes have left."""
        if exc_info is None:
            return self._server_start(status, headers)
        forget_head(self._server_start)
        self.code = status_code(status)
        write = self._server_start(status, [*headers, *self._own_headers(headers)], exc_info)
        self._server_write = write
        return self.write

    def _seen(self, exc_info: ExcInfo) -> None:
        error = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else None
        if isinstance(error, Exception):
            self.facts.error = error
            self._stack.capture.note(self.facts.root, error)

    # the door

    def _flush(self, afters: Afters) -> Reply | None:
        """Hands the head to the server; a Reply when a layer put its own answer in place of the app's."""
        assert self._status is not None  # noqa: S101  (callers made sure; for the type checker)
        head = Head(self._status, list(self._headers), self._exc_info)
        for after, layer in afters:
            reply = self._after(after, layer, head)
            if reply is not None:
                self._reply, head = reply, Head(reply.status, list(reply.headers), self._exc_info)
        head.headers.extend(self._own_headers(head.headers))
        self.flushed = True
        self.code = head.code
        self._server_write = self._call_server(head.status, head.headers, self._exc_info)
        return self._reply

    def _after(self, after: After, layer: Any, head: Head) -> Reply | None:
        try:
            return after(self.facts, head)
        except Refused as refused:
            return self._stack.problem(self.facts, refused)
        except Exception as error:
            return self._layer_failed(layer, error)

    def _call_server(self, status: str, headers: Any, exc_info: ExcInfo | None) -> Callable[[bytes], object]:
        # Servers and tests exist whose start_response takes two arguments; the third is passed only when there is one.
        if exc_info is None:
            return self._server_start(status, headers)
        return self._server_start(status, headers, exc_info)

    def _own_headers(self, headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """The request id, unless the app names one of its own or an outer guard will."""
        if self._nested:
            return ()
        try:
            for header in headers:
                if len(header[0]) == 12 and header[0].lower() == "x-request-id":
                    return ()
        except (AttributeError, IndexError, TypeError):
            # Headers no server accepts; what is wrong with them is the server's to say.
            return ()
        return (("X-Request-ID", self.facts.request_id),)

    def _answer(self, reply: Reply, afters: Afters) -> list[bytes]:
        """An answer of the guard's own, instead of the app's."""
        self.facts.body.drain()
        self._status, self._headers, self._exc_info = reply.status, list(reply.headers), None
        replaced = self._flush(afters)
        self.finish("return", replied=True)
        return self._body_of(replaced or reply)

    def _body_of(self, reply: Reply) -> list[bytes]:
        bare = self.facts.method == "HEAD" or self.code in NO_BODY or not reply.body
        return [] if bare else [reply.body]

    # the way out

    def _hand_over(self, result: Any) -> Any:
        if self._status is not None and not self.flushed:
            reply = self._flush(self.chain.afters)
            if reply is not None:
                self._close_unused(result)
                self.finish("return", replied=True)
                return self._body_of(reply)
        self._late = self._status is None
        if type(result) is list or type(result) is tuple:
            self.finish("return")
            return result
        if kept_whole(result, self.environ.get("wsgi.file_wrapper")):
            if Closing.attach(self, result):
                return result
            if not hasattr(type(result), "__iter__"):
                self.finish("return")
                return result
        return Stream.around(self, result)

    def _close_unused(self, result: Any) -> None:
        close = getattr(result, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:
            self._stack.capture.record(self.facts.root, error)

    # what goes wrong

    def _failed(self, error: Exception) -> Iterable[bytes]:
        """An exception reached the guard before the app's iterable did."""
        self.facts.error = error
        if self._nested or self._stack.raises:
            if not self._nested and not isinstance(error, Refused):
                self._stack.capture.record(self.facts, error)
            self.finish("error", error)
            raise error
        if self.flushed:
            return [self._fail_after_head(error)]
        return self._answer(self._stack.capture.answer(self.facts, error), self.chain.afters)

    def _fail_after_head(self, error: Exception) -> bytes:
        """The body of a 500 if no byte has left yet, which only the server knows: it raises `error` otherwise."""
        reply = self._stack.capture.answer(self.facts, error)
        forget_head(self._server_start)
        info: tuple[type[BaseException], BaseException, TracebackType | None] = (type(error), error, error.__traceback__)
        try:
            self._server_start(reply.status, [*reply.headers, *self._own_headers([])], info)
        except BaseException:
            self.finish("error", error)
            raise
        self.code = status_code(reply.status)
        self.finish("error", error)
        return reply.body if self.facts.method != "HEAD" else b""

    def fail_midway(self, error: Exception) -> bytes:
        """As `_fail_after_head`, for an exception out of the app's iterable."""
        self.facts.error = error
        if self._nested or self._stack.raises:
            if not self._nested and not isinstance(error, Refused):
                self._stack.capture.record(self.facts, error)
            raise error
        if self.flushed:
            return self._fail_after_head(error)
        return b"".join(self._answer(self._stack.capture.answer(self.facts, error), self.chain.afters))

    def close_failed(self, error: Exception) -> None:
        if not self._nested:
            self._stack.capture.record(self.facts, error)

    def _layer_failed(self, layer: Any, error: Exception) -> Reply | None:
        """What the setting `guard.on_layer_error` declares for a layer that failed; a vital one always denies."""
        name = layer.name
        self._stack.capture.record(self.facts.root, error, service=f"wsgi_guard.{name}")
        self.facts.decide(name, "error", "", type(error).__name__)
        if self._stack.denies_on_error or getattr(layer, "vital", False):
            return self._stack.failure(self.facts)
        return None

    # the end

    def finish(self, end: str, error: BaseException | None = None, *, replied: bool = False) -> None:
        """Tells every layer once how the request ended; what fails there is captured and fails nothing."""
        if self._done:
            return
        self._done = True
        facts = self.facts
        outcome = Outcome(self.code, perf_counter() - facts.started, end, replied or self._reply is not None, error)
        for layer_finish in self.chain.finishes:
            try:
                layer_finish(facts, outcome)
            except Exception as failure:
                self._stack.capture.record(facts.root, failure, service="wsgi_guard")
        facts.open = False


def forget_head(server_start: Any) -> None:
    """Empties the head that a gunicorn response holds, which it adds to instead of replacing (seen in 20 to 27)."""
    response = getattr(server_start, "__self__", None)
    if response is not None and type(response).__module__.startswith("gunicorn.") and not response.headers_sent:
        response.headers = []
        response.response_length = None
