"""What alerts are delivered to in the tests: an SMTP server with TLS, and an HTTP server for Slack and webhooks."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Inbox:
    """What arrived, waited for without polling."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._bell = threading.Condition()

    def add(self, item: Any) -> None:
        with self._bell:
            self._items.append(item)
            self._bell.notify_all()

    def wait(self, count: int, patience: float = 10.0) -> list[Any]:
        """The items once there are so many; those that came in time otherwise."""
        with self._bell:
            self._bell.wait_for(lambda: len(self._items) >= count, patience)
            return list(self._items)

    def now(self) -> list[Any]:
        with self._bell:
            return list(self._items)


class Hook(ThreadingHTTPServer):
    """Takes POSTs; `status` is what it answers, and it does so once `gate` is set; `refused` it did not take."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*map(str, tls))
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.inbox = Inbox()
        self.refused = Inbox()
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self.shutdown()
        self.server_close()


class Taking(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.gate.wait(30)
        inbox = self.server.inbox if self.server.status < 300 else self.server.refused
        inbox.add((dict(self.headers), json.loads(body), body))
        try:
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Proxy:
    """Forwards connections that are asked for by CONNECT to the port that `to` says; `asked` are the heads it read.

    With `answer` it says that instead, and forwards nothing.
    """

    def __init__(self, to: int, answer: bytes = b"") -> None:
        self.asked = Inbox()
        self._to = to
        self._answer = answer
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        with client:
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.add(head.decode())
            client.sendall(self._answer or b"HTTP/1.1 200 Connection established\r\n\r\n")
            if self._answer:
                return
            with socket.create_connection(("127.0.0.1", self._to)) as server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()

    def close(self) -> None:
        self._door.close()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while piece := one.recv(65536):
            other.sendall(piece)
        other.shutdown(socket.SHUT_WR)


def certificate(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> tuple[Path, Path]:
    """A certificate for `names` that vouches for itself, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


class Bare(Controller):
    """Knocks at its own door without TLS, which a server with TLS from the first byte drops."""

    def _trigger_server(self) -> None:
        socket.create_connection((self.hostname, self.port)).close()


class Mail:
    """An SMTP server on a port of its own; with `tls` it wants STARTTLS before anything, with `login` a password.

    `implicit`: TLS from the first byte instead. `refuses`: a recipient that it does not know.
    """

    def __init__(
        self, tls: tuple[Path, Path] | None = None, login: tuple[str, str] | None = None, *, implicit: bool = False,
        refuses: str = "",
    ) -> None:  # fmt: skip
        self.inbox = Inbox()
        self.quits = Inbox()
        self._refuses = refuses
        context = None
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*map(str, tls))
        self._login = login
        # The controller knocks at its own door to know that it is open, so the number must be known before.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        starttls = tls is not None and not implicit
        kind = Bare if implicit else Controller
        self._controller = kind(
            self, hostname="127.0.0.1", port=self.port, tls_context=context if starttls else None,
            ssl_context=context if implicit else None, require_starttls=starttls, authenticator=self._check,
            auth_required=login is not None, auth_require_tls=starttls,
        )  # fmt: skip
        self._controller.start()

    def _check(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        fits = isinstance(data, LoginPassword) and self._login == (data.login.decode(), data.password.decode())
        return AuthResult(success=fits, handled=False)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address == self._refuses:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        self.quits.add("QUIT")
        return "221 bye"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.inbox.add((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default), session))
        return "250 OK"

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "server": "127.0.0.1", "port": self.port, "sender": "guard@shop.example",
            "recipients": ["ops@shop.example", "dev@shop.example"], **more,
        }  # fmt: skip

    def close(self) -> None:
        self._controller.stop()


def hanging() -> socket.socket:
    """Accepts by the kernel alone and never says a word."""
    return socket.create_server(("127.0.0.1", 0), backlog=16)


def text_of(letter: EmailMessage) -> str:
    return str(letter.get_content())
