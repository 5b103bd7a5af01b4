"""Starts one of the servers that have no command of their own: `python -m tests.live.serve NAME MODULE:APP`.

Listens on a port that the kernel chooses and prints it.
"""

from __future__ import annotations

import socket
import sys
from importlib import import_module
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer


def listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(f"listening on port {listener.getsockname()[1]}", flush=True)
    return listener


def waitress(app: Any) -> None:
    from waitress import serve

    # Its own buffer for slow clients, 16 MB as it comes, would hide what the app's side keeps in memory.
    serve(app, sockets=[listening()], threads=4, outbuf_high_watermark=1024 * 1024)


def werkzeug(app: Any) -> None:
    from werkzeug.serving import make_server

    with listening() as listener:
        make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno()).serve_forever()


def cheroot(app: Any) -> None:
    from cheroot.wsgi import Server

    server = Server(("127.0.0.1", 0), app, numthreads=4)
    server.prepare()
    print(f"listening on port {server.bind_addr[1]}", flush=True)
    server.serve()


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def wsgiref(app: Any) -> None:
    server = _Threaded(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(app)
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()


def main() -> None:
    name, target = sys.argv[1:]
    module, _, attribute = target.partition(":")
    app = getattr(import_module(module), attribute)
    {"waitress": waitress, "werkzeug": werkzeug, "cheroot": cheroot, "wsgiref": wsgiref}[name](app)


if __name__ == "__main__":
    main()
