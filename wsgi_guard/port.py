"""`admin.listen`: probes, metrics and admin on a port of their own, from threads that no request of the app can hold.

Decides only how connections are taken; what is answered comes from the WSGI callable it is given. Under the gunicorn
hooks the master has bound the socket and each worker takes connections from it, so that one that is stuck or dies is
not missed. Elsewhere the first process to bind the address has it; the others try every second, so that one takes over.
"""

from __future__ import annotations

import atexit
import logging
import os
import select
import socket
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .native import original

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger("wsgi_guard")

BACKLOG = 128
"""Connections that may wait for a thread; as gunicorn's default over 16."""
MOST = 64
"""Connections open at a time in one process; for one more the oldest is closed, so that nobody can hold the port."""
PATIENCE = 10.0
"""Seconds that a connection may take in all, and BETWEEN those between two pieces of what it sends."""
BETWEEN = 5.0
LEAVE = 2.0
"""Longest wait at exit for requests that were taken already."""
POLL = 1.0
"""Seconds between two attempts to bind, and to see that the guard is gone."""


def bound(address: str) -> socket.socket:
    """A listening socket; OSError when the address is taken or not to be had."""
    host, _, port = address.rpartition(":")
    family, kind, protocol, _, place = socket.getaddrinfo(
        host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made: socket.socket = original("socket", "socket")(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


class Port:
    """`app` is served on `address` while this object lives. `inherited` gives the socket of the master, once."""

    name = "port"

    def __init__(self, address: str, app: WSGIApplication, inherited: Callable[[], socket.socket | None]) -> None:
        self._address = address
        self._app = app
        self._inherited = inherited
        self._serving: Serving | None = None

    def start(self) -> None:
        """Starts to serve, unless this process does so already."""
        if self._serving is not None and self._serving.pid == os.getpid():
            return
        # Imported here, by the thread that starts: it is the one whose import lock nobody else can hold.
        import wsgiref.simple_server  # noqa: F401

        self._serving = serving = Serving(self._address, self._app)
        weakref.finalize(self, serving.end).atexit = False
        atexit.register(serving.leave)
        # Bound before this returns, where it can be: who has started the guard may ask at once.
        listener = self._inherited() or serving.bound()
        original("_thread", "start_new_thread")(serving.run, (listener,))

    def stop(self) -> None:
        if self._serving is not None:
            self._serving.end()


class Serving:
    """The threads of one process. Holds no reference to the guard, which could not be dropped else."""

    def __init__(self, address: str, app: WSGIApplication) -> None:
        self.pid = os.getpid()
        self.ended = False
        self._accepting = False
        self._address = address
        self._app = weakref.ref(app)
        self._sleep = original("time", "sleep")
        self._spawn = original("_thread", "start_new_thread")
        self._socket = original("socket", "socket")
        self._poll = original("select", "poll")
        self._wake, self._woken = os.pipe()
        for number in (self._wake, self._woken):
            weakref.finalize(self, os.close, number).atexit = False
        # Written by the accepting thread; each connection's own thread takes its entry out, which is one step.
        self._open: dict[Any, float] = {}

    def end(self) -> None:
        """Has the accepting thread end; takes no lock and waits for nothing, as the garbage collector may call it."""
        if not self.ended and self.pid == os.getpid():
            os.write(self._woken, b"x")
            self.ended = True

    def leave(self) -> None:
        """At exit: what was accepted is answered, what comes now is for the other processes."""
        self.end()
        deadline = time.monotonic() + LEAVE
        while self.pid == os.getpid() and (self._accepting or self._open) and time.monotonic() < deadline:
            self._sleep(0.005)

    def run(self, listener: socket.socket | None) -> None:
        if listener is None:
            log.info("admin.listen: %s is taken, by another process of this guard or not; tried again every second",
                     self._address)  # fmt: skip
        while listener is None and not self.ended:
            self._sleep(POLL)
            listener = self.bound()
        if listener is not None:
            log.info("probes, metrics and admin are answered on http://%s", self._address)
            self._accepting = True
            try:
                self._accept(listener)
            finally:
                self._accepting = False
        atexit.unregister(self.leave)

    def bound(self) -> socket.socket | None:
        try:
            return bound(self._address)
        except OSError:
            return None

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            # Of several processes that are woken one gets the connection, the others go back to waiting.
            listener.setblocking(False)
            poll = self._poll()
            poll.register(listener, select.POLLIN)
            poll.register(self._wake, select.POLLIN)
            while not self.ended:
                poll.poll(POLL * 1000)
                self._reap()
                try:
                    # Not accept(), which makes a socket of whatever class stands in the module now.
                    number, client = listener._accept()  # type: ignore[attr-defined]
                except BlockingIOError:
                    continue
                except OSError:
                    # Out of descriptors, or a client that was gone already: either passes.
                    self._sleep(0.05)
                    continue
                self._take(self._socket(fileno=number), client)

    def _take(self, line: Any, client: Any) -> None:
        self._open[line] = time.monotonic()
        try:
            self._spawn(self._serve, (line, client))
        except RuntimeError:  # no more threads
            self._close(line)

    def _reap(self) -> None:
        """Ends connections that have had their time, or are too many."""
        now = time.monotonic()
        lines = sorted(self._open.copy().items(), key=lambda item: item[1])
        for at, (line, began) in enumerate(lines):
            if now - began > PATIENCE or at < len(lines) - MOST:
                self._open.pop(line, None)
                _hang_up(line)

    def _serve(self, line: Any, client: Any) -> None:
        from .serving import answer

        try:
            app = self._app()
            if app is not None:
                line.settimeout(BETWEEN)
                answer(line, client, app, self._address)
        except OSError:
            log.debug("a client of admin.listen went away")
        except Exception as error:
            log.error("admin.listen: a request failed: %s", type(error).__name__)
        finally:
            self._close(line)

    def _close(self, line: Any) -> None:
        self._open.pop(line, None)
        _hang_up(line)
        line.close()


def _hang_up(line: Any) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
