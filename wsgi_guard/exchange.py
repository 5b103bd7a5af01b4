"""One request on its way through a guard, between the app and the server.

The only file that touches `start_response`, and with `ending.py` the response iterable, so PEP 3333 is got right here
or nowhere. It knows no slice: the chain of layers and the capture that exceptions go to come from the guard's stack.
"""

from __future__ import annotations

from sys import getrefcount
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .chain import Afters
from .ending import ALONE, WHOLE, is_iterable, watched
from .errors import Refused, Unchecked
from .facts import CURRENT, Environ, Facts
from .heads import forget_head, like, names_request
from .layer import ExcInfo, Head, Reply, outcome_of
from .sizes import Sized

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

    from .aside import Aside
    from .guard import Guard


class Exchange(Sized):
    """One request on its way: the app's `start_response`, the head, the door every answer leaves by, the end."""

    # Defaults stand on the class: a request pays only for what becomes of it.
    _server_write: Any = None
    _head: Head | None = None
    _headers_type: type | None = None
    # A head was given to the server, and it took it; `sent`: a byte of the body went after it.
    _flushed = _handed = sent = False
    # The app returned before it called start_response; the request has ended.
    _late = _done = _nested = False
    code = 0
    reply: Reply | None = None

    def __init__(self, guard: Guard | Aside, environ: Environ, start_response: StartResponse) -> None:
        self._guard = guard
        self._stack = stack = guard.stack
        self.environ = environ
        # Any: servers take and return more and less than the types of PEP 3333 say.
        self._server_start: Any = start_response
        self.chain = stack.full
        outer = CURRENT.get()
        if outer is not None:
            if outer.open and environ.get("wsgi_guard.request_id") == outer.request_id:
                self._nested, self.chain = True, stack.nested
            else:
                # The rest of a request that has ended, or an app that calls another with a request of its own.
                outer = None
        self.facts = facts = Facts(environ, stack.origin, outer)
        environ["wsgi_guard.request_id"] = facts.request_id

    def run(self) -> Any:
        facts = self.facts
        token = CURRENT.set(facts)
        try:
            for step, layer, afters in self.chain.inward:
                try:
                    reply = step(facts)
                except Exception as error:
                    reply = self._step_failed(layer, error)
                if reply is not None:
                    return self._answer(reply, afters)
            return self._hand_over(self._guard.app(self.environ, self.start_response))
        except StopIteration:
            # How an app that took the socket over (a WebSocket under gunicorn) tells the server to leave it alone.
            self.finish("return")
            raise
        except Exception as error:
            body = self._failed(error)
            if body is None:
                raise
            return body
        except BaseException as error:
            self.finish("error", error)
            raise
        finally:
            CURRENT.reset(token)

    # What the app calls. It gives what it likes and gets what the server says, so nothing has the right type for sure.

    def start_response(self, status: Any, headers: Any, exc_info: Any = None) -> Any:
        if exc_info:
            self._seen(exc_info)
        elif self._head is not None:
            # Twice without exc_info is the app's mistake; the server says so in its own words.
            if not self._flushed:
                self._flush(self._head, self.chain.afters)
            return self._server_start(status, headers)
        if not isinstance(status, str) or not isinstance(headers, (list, tuple)) or self.sent:
            # Nothing here that a layer could read, or too late for one: the server's to refuse.
            self._flushed = True
            self._server_write = self._call_server(status, headers, exc_info)
            return self.write
        # A copy: the app may use its list again.
        self._head = head = Head(status, list(headers), exc_info)
        self._headers_type = None if type(headers) is list else type(headers)
        if self._flushed:
            forget_head(self._server_start)
        if self._flushed or self._late:
            self._flush(head, self.chain.afters)
        return self.write

    def write(self, data: Any) -> Any:
        if not self._flushed and self._head is not None and self._flush(self._head, self.chain.afters) is not None:
            self.sent = True
            self._server_write(self.reply_body())
        if self.reply is not None:
            return None
        if data:
            self.sent = True
            self.count(data)
        return self._server_write(data)

    def _seen(self, exc_info: Any) -> None:
        error = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else None
        if isinstance(error, Exception):
            self.facts.error = error
            self._stack.capture.note(self.facts.root, error)

    def _flush(self, head: Head, afters: Afters) -> Reply | None:
        """Hands `head` to the server; a Reply when a layer put its own answer in place of it."""
        facts, exc_info = self.facts, head.exc_info
        self._flushed = True
        put: Reply | None = None
        for after, layer in afters:
            try:
                reply = after(facts, head)
            except Exception as error:
                reply = self._step_failed(layer, error)
            if reply is not None:
                put = self.reply = reply
                facts.replied = facts.root.replied = True
                head = Head(reply.status, list(reply.headers), exc_info)
        headers = head.headers
        if not self._nested and not names_request(headers):
            headers.append(("X-Request-ID", facts.request_id))
        if self.chain.around:
            self.announced = tuple(headers)
        if self._headers_type is not None and put is None:
            headers = like(self._headers_type, headers)
        self.code = head.code
        # A traceback holds frames, and those hold the request.
        head.exc_info = None
        if exc_info is None:
            self._server_write = self._server_start(head.status, headers)
        else:
            self._server_write = self._call_server(head.status, headers, exc_info)
        self._handed = True
        return put

    def _call_server(self, status: Any, headers: Any, exc_info: Any) -> Any:
        # Servers and tests exist whose start_response takes two arguments; the third is passed only when there is one.
        # uWSGI raises what it is given even before a byte has left, but takes a second head without complaint then.
        if exc_info is None or (not self.sent and "uwsgi.version" in self.environ):
            return self._server_start(status, headers)
        return self._server_start(status, headers, exc_info)

    def _answer(self, reply: Reply, afters: Afters) -> list[bytes]:
        """An answer of the guard's own, before the app was called."""
        if self.environ.get("CONTENT_LENGTH"):
            self.facts.body.drain()
        self._put(reply, afters, None)
        return self._reply_whole()

    def _reply_whole(self) -> list[bytes]:
        body = self.reply_body()
        self.finish("return")
        return [body] if body else []

    def _put(self, reply: Reply, afters: Afters, exc_info: ExcInfo | None) -> None:
        """Hands over the head of an answer of the guard's own; a layer on its way out may put another in its place."""
        self.reply, facts = reply, self.facts
        facts.replied = True
        if self._nested:
            facts.root.replied = True
        self._head, self._headers_type = Head(reply.status, list(reply.headers), exc_info), None
        self._flush(self._head, afters)

    def reply_body(self) -> bytes:
        """What follows the head of the guard's own answer; asked for once, by who sends it."""
        if self.reply is None or self.facts.method == "HEAD" or self.code in (204, 304):
            return b""
        self.count(self.reply.body)
        return self.reply.body

    def _hand_over(self, result: Any) -> Any:
        """The body for the server: of the app's iterable what `ending.py` makes, or the guard's answer."""
        kind, head = type(result), self._head
        if kind is not list and head is not None and not (is_iterable(result) or self._nested or self._stack.raises):
            raise TypeError(f"the app returned {kind.__name__!r}, which is no iterable of bytes")
        if head is None:
            self._late = not self._flushed
        elif not self._flushed:
            try:
                put = self._flush(head, self.chain.afters)
            except BaseException:
                self._close_unused(result)
                raise
            if put is not None:
                self._close_unused(result)
                return self._reply_whole()
        if self.reply is not None:
            # It went out at the app's first write().
            self._close_unused(result)
            self.finish("return")
            return []
        if kind in WHOLE:
            self.sent = self.sent or (head is None and bool(result))
            self.count_whole(result)
            self.finish("return")
            return result
        # Asked here and on a line of its own, where `result` has no other name.
        held = getrefcount(result) > ALONE
        return watched(self, result, held=held)

    def _close_unused(self, result: Any) -> None:
        """The app's iterable is closed although nobody iterates it (PEP 3333, "close")."""
        try:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        except Exception as error:
            self.close_failed(error)

    # what goes wrong

    def _failed(self, error: Exception) -> list[bytes] | None:
        """As `failed`, for an exception that reached the guard before the app's iterable did; the request has ended."""
        body = None
        try:
            body = self.failed(error)
        finally:
            self.finish("error" if body is None else "return", error)
        return body if body is None else [body] if body else []

    def failed(self, error: Exception) -> bytes | None:
        """The body of the answer to an exception out of the app; None where it is not ours to answer."""
        facts, capture = self.facts, self._stack.capture
        facts.error = error
        if self._nested:
            return None
        if self.reply is not None and self._handed:
            # A layer's answer has taken the place of the app's, whatever becomes of the app.
            capture.record(facts, error)
            return b"" if self.sent else self.reply_body()
        if self.sent or (self._stack.raises and not isinstance(error, Refused)):
            capture.record(facts, error)
            return None
        exc_info: ExcInfo | None = None
        if self._flushed:
            # Only the server knows whether a byte has left: it raises `error` if so (PEP 3333, "exc_info").
            exc_info = (type(error), error, error.__traceback__)
            forget_head(self._server_start)
        self._put(capture.answer(facts, error), self.chain.afters, exc_info)
        return self.reply_body()

    def close_failed(self, error: BaseException) -> None:
        """An exception out of the app's `close`, which passes to the server: the answer has left."""
        if isinstance(error, Exception) and not self._nested:
            self._stack.capture.record(self.facts, error)

    def _step_failed(self, layer: Any, error: Exception) -> Reply | None:
        """The answer to what a layer raised: its refusal, or what `guard.on_layer_error` declares for a failure.

        A layer that is `vital` always denies, and so does a check that could not be made.
        """
        if isinstance(error, Refused):
            return self._stack.problem(self.facts, error)
        error_id = self._stack.capture.record(self.facts.root, error, service=f"wsgi_guard.{layer.name}")
        self.facts.decide(layer.name, "error", "", type(error).__name__)
        vital = getattr(layer, "vital", False) or isinstance(error, Unchecked)
        return self._stack.failure(self.facts, error_id) if vital or self._stack.denies_on_error else None

    def finish(self, end: str, error: BaseException | None = None) -> None:
        """Tells every layer once how the request ended; what fails there is captured and fails nothing."""
        if self._done:
            return
        self._done = True
        facts = self.facts
        if self._head is None and self.sent and not (self._flushed or self._nested):
            self._stack.capture.record(facts, TypeError("the app gave a body and never called start_response"))
        # Servers answer 500 for what passes to them before a head.
        code = self.code or (500 if end == "error" else 0)
        outcome = outcome_of((code, perf_counter() - facts.started, end, self.reply is not None, error, self.size))
        for layer_finish, layer in self.chain.finishes:
            try:
                layer_finish(facts, outcome)
            except Exception as failure:
                self._stack.capture.record(facts.root, failure, service=f"wsgi_guard.{layer.name}")
        facts.open = False
        if facts.error is not None or facts.cause is not None:
            # Tracebacks hold frames, and those hold the request.
            facts.error = facts.cause = None
