"""A WSGI server in a dozen lines, as strict as PEP 3333 allows, and what it saw."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

App = Callable[..., Any]
Environ = dict[str, Any]

RAISE = {"guard": {"layers": []}, "capture": {"on_error": "raise"}}
ANSWER: dict[str, Any] = {"guard": {"layers": []}}
PLAIN = ("Content-Type", "text/plain")


def request(path: Any = "/", method: Any = "GET", body: Any = b"", **keys: Any) -> Environ:
    """An environ as a server makes it; further keys by keyword, None leaves one out."""
    environ: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    environ.update(keys)
    return {key: value for key, value in environ.items() if value is not None}


class Server:
    """Serves one request; what it saw are its attributes."""

    def __init__(self) -> None:
        self.heads: list[tuple[str, list[tuple[str, str]], bool]] = []
        self.chunks: list[bytes] = []
        self.sent = False
        self.error: BaseException | None = None
        self.result: Any = None

    @property
    def status(self) -> str:
        return self.heads[-1][0]

    @property
    def code(self) -> int:
        return int(self.status[:3])

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self.heads[-1][1]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2
        return found[0] if found else None

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info:
            if self.sent:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self.heads:
            raise AssertionError("start_response was called a second time without exc_info")
        if type(headers) is not list:
            raise TypeError("headers must be a list")
        self.heads.append((status, list(headers), bool(exc_info)))
        # A server may do with the list what it likes.
        headers.clear()
        return self.write

    def write(self, data: bytes) -> None:
        if not self.heads:
            raise AssertionError("a chunk came before start_response")
        if type(data) is not bytes:
            raise TypeError(f"a chunk must be bytes, not {type(data).__name__!r}")
        if data:
            self.sent = True
            self.chunks.append(data)

    def serve(self, app: App, environ: Environ | None = None, *, leave_after: int | None = None) -> Server:
        """One request; `leave_after` that many chunks the client is gone. An error is kept, not raised."""
        try:
            self.result = app(request() if environ is None else environ, self.start_response)
            try:
                self._send(self.result, leave_after)
            finally:
                if hasattr(self.result, "close"):
                    self.result.close()
        except BaseException as error:
            self.error = error
        return self

    def _send(self, result: Any, leave_after: int | None) -> None:
        if leave_after == 0:
            return
        for number, chunk in enumerate(result, 1):
            self.write(chunk)
            if number == leave_after:
                return
        if not self.heads:
            raise AssertionError("the response ended before start_response")


def serve(app: App, environ: Environ | None = None, *, leave_after: int | None = None) -> Server:
    return Server().serve(app, environ, leave_after=leave_after)
