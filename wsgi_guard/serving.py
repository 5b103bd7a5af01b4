"""One request of `admin.listen`, read and answered by the standard library's WSGI server over a socket we accepted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


LONGEST_LINE = 8192
"""Bytes of a request line; what is asked here has a hundred. The standard library bounds the headers."""


class Server:
    """What the standard library's request asks of its server."""

    def __init__(self, address: str, app: WSGIApplication) -> None:
        host, _, port = address.rpartition(":")
        self.base_environ = {
            "SERVER_NAME": host.strip("[]"), "SERVER_PORT": port, "GATEWAY_INTERFACE": "CGI/1.1", "REMOTE_HOST": "",
            "CONTENT_LENGTH": "", "SCRIPT_NAME": "",
        }  # fmt: skip
        self._app = app

    def get_app(self) -> WSGIApplication:
        return self._app


class Reply(ServerHandler):
    server_software = "wsgi_guard"

    def log_exception(self, exc_info: Any) -> None:
        """Nothing: the guard has told it already, or the client is gone."""


class Request(WSGIRequestHandler):
    server_version = "wsgi_guard"
    sys_version = ""

    def handle(self) -> None:
        """One request, as the class above it does, under the guard's name."""
        self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
        if len(self.raw_requestline) > LONGEST_LINE:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.parse_request():
            made = Reply(self.rfile, self.wfile, sys.stderr,  # type: ignore[arg-type]
                         self.get_environ(), multithread=True)
            made.request_handler = self  # type: ignore[attr-defined]
            made.run(self.server.get_app())  # type: ignore[attr-defined]

    def log_message(self, *args: Any) -> None:
        """Nothing: the guard has its own log."""


def answer(line: Any, client: Any, app: WSGIApplication, address: str) -> None:
    """Reads one request from `line`, answers it and leaves the closing to the caller. Raises OSError."""
    Request(line, client, Server(address, app))  # type: ignore[arg-type]
