"""Stands in for Sentry's ingest on a port of its own."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Receiver(HTTPServer):
    """Stands in for Sentry's ingest; keeps the events of every envelope."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Ingest)
        self.events: list[dict[str, Any]] = []
        self.status = 200
        self.raw = b""
        self.arrived = threading.Event()
        self.dsn = f"http://publickey@127.0.0.1:{self.server_port}/42"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def take(self, envelope: bytes) -> None:
        self.raw += envelope
        _, *rest = envelope.split(b"\n")
        for header, payload in zip(rest[::2], rest[1::2], strict=False):
            if json.loads(header).get("type") == "event":
                self.events.append(json.loads(payload))
        self.arrived.set()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Ingest(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        pass
