"""Real servers as child processes: `with running("gunicorn-sync", "tests.live.apps:app") as site`.

Every server chooses a free port itself and is ready when its log says which.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Child, private_folder

from .wire import Answer, Wire

ROOT = Path(__file__).resolve().parents[2]

Command = Callable[[str], list[str]]


def _gunicorn(*options: str) -> Command:
    common = ["--bind", "127.0.0.1:0", "--workers", "1", "--graceful-timeout", "1", "--no-control-socket"]
    return lambda target: [sys.executable, "-m", "gunicorn", *common, *options, target]


def _uwsgi(target: str) -> list[str]:
    program = str(Path(sys.executable).with_name("uwsgi"))
    options = ["--http-socket", "127.0.0.1:0", "--master", "--processes", "1", "--enable-threads", "--need-app"]
    # The wheel brings an interpreter without a home; the packages are those of ours.
    options += ["--die-on-term", "--disable-logging", "--home", sys.prefix]
    return [program, *options, "--wsgi", target]


def _own(name: str) -> Command:
    return lambda target: [sys.executable, "-m", "tests.live.serve", name, target]


SERVERS: dict[str, Command] = {
    "gunicorn-sync": _gunicorn("--worker-class", "sync"),
    "gunicorn-gthread": _gunicorn("--worker-class", "gthread", "--threads", "4"),
    "gunicorn-gevent": _gunicorn("--worker-class", "gevent"),
    "gunicorn-preload": _gunicorn("--worker-class", "sync", "--preload"),
    "waitress": _own("waitress"),
    "uwsgi": _uwsgi,
    "cheroot": _own("cheroot"),
    "werkzeug": _own("werkzeug"),
    "wsgiref": _own("wsgiref"),
}

_PORT = re.compile(
    r"(?:listening on port |Listening at: http://127\.0\.0\.1:|bound to TCP address 127\.0\.0\.1:)(\d+)", re.MULTILINE
)
_UNIX = re.compile(r"Listening at: unix:(\S+)")


class Running:
    """A server that serves. `log()` is all it has printed so far."""

    def __init__(self, command: Sequence[str], folder: Path, env: dict[str, str]) -> None:
        self.log_path = folder / "server.log"
        variables = [f"{name}={value}" for name, value in {"PYTHONPATH": str(ROOT), **env}.items()]
        self._child = Child(["/usr/bin/env", *variables, *command], folder, lambda: self._find() is not None)
        self._child.start()
        address = self._find()
        assert address is not None
        self.address = address

    def _find(self) -> tuple[str, int] | str | None:
        text = self.log()
        if found := _UNIX.search(text):
            return found[1]
        found = _PORT.search(text)
        return ("127.0.0.1", int(found[1])) if found else None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def pid(self) -> int:
        """The server's first process: gunicorn's and uWSGI's master."""
        return self._child.pid

    def family(self) -> list[int]:
        return self._child.family()

    def connect(self) -> Wire:
        return Wire(self.address)

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """One request on a connection of its own."""
        with self.connect() as wire:
            wire.ask(method, target, {"Connection": "close", **(headers or {})}, body)
            return wire.answer(method)

    def get(self, target: str, headers: dict[str, str] | None = None) -> Answer:
        return self.ask("GET", target, headers)

    def send(self, number: signal.Signals) -> None:
        """A signal to the first process alone."""
        os.kill(self.pid, number)

    def ended(self, patience: float = 10.0) -> int:
        """The exit status of the first process, waited for at most `patience` seconds; -9 when SIGKILL ended it."""
        descriptor = os.pidfd_open(self.pid)
        try:
            if not select.select([descriptor], [], [], patience)[0]:
                raise TimeoutError(f"the server still runs after {patience} seconds:\n{self.log()[-2000:]}")
            found = os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOWAIT)
        finally:
            os.close(descriptor)
        assert found is not None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def wait_log(self, pattern: str, patience: float = 10.0) -> re.Match[str]:
        """The first match in the log, waited for; a log file tells nobody that it grew, so it is read again."""
        deadline = time.monotonic() + patience
        while not (found := re.search(pattern, self.log())):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {pattern!r} in the log:\n{self.log()[-2000:]}")
            time.sleep(0.01)
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._child.stop(number)

    def kill(self) -> None:
        self._child.kill()


@contextmanager
def running(
    server: str,
    target: str,
    *,
    options: Sequence[str] = (),
    env: dict[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Running]:
    """The server `server` with the app `target` ("module:attribute"), ended with all its processes on the way out.

    `options` are added to its command; gunicorn takes the last of two that contradict each other. It runs in
    `folder`, a new one unless given.
    """
    command = SERVERS[server](target)
    site = Running([*command[:-1], *options, command[-1]], folder or private_folder(server), env or {})
    try:
        yield site
    finally:
        site.kill()
