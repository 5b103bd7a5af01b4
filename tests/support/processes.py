"""Server processes for tests: a free port, a child that cannot outlive us, ready or a clear failure.

Knows no protocol and no particular server.
"""

from __future__ import annotations

import atexit
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 30.0

# Runs in the child, becomes the server. The kernel signals it when the thread that started it is gone, so nothing is
# left behind even after SIGKILL of the test run. A change of user clears that wish, hence the order; everything
# needed is imported before, as the other user may not be able to read this interpreter's folder.
_LEASH = """
import ctypes, os, sys
parent, death, user, group = map(int, sys.argv[1:5])
libc = ctypes.CDLL(None)
if user >= 0:
    os.setgroups([]); os.setgid(group); os.setuid(user)
if sys.platform == "linux":
    libc.prctl(1, death)
    if os.getppid() != parent:
        sys.exit(1)
os.execv(sys.argv[5], sys.argv[5:])
"""


class StartFailed(Exception):
    """A server did not come up; the text holds the end of its log."""


def free_port() -> int:
    """A TCP port nobody listens on, below the ports the kernel gives to clients, so it stays ours over a restart."""
    for port in random.SystemRandom().sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise StartFailed("no free port between 20000 and 32000")


def private_folder(prefix: str, owner: pwd.struct_passwd | None = None) -> Path:
    """A new folder only `owner` (or we) can enter, removed when the interpreter ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"wsgi-guard-{prefix}-"))
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Child:
    """One server process, started by `command` and told by `ready` when it can be used."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        ready: Callable[[], bool],
        *,
        user: pwd.struct_passwd | None = None,
        death: signal.Signals = signal.SIGKILL,
    ) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._ready = ready
        self._user = user
        self._death = death
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise StartFailed(f"{self._command[0]!r} is not running")
        return self._process.pid

    def start(self) -> None:
        user, group = (self._user.pw_uid, self._user.pw_gid) if self._user else (-1, -1)
        leash = [str(number) for number in (os.getpid(), int(self._death), user, group)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _LEASH, *leash, *self._command],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._await_ready(self._process)

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise StartFailed(f"{self._command[0]!r} did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.01)

    def family(self) -> list[int]:
        """Process ids of the server and all its children, the server first."""
        import psutil

        if self._process is None or self._process.poll() is not None:
            return []
        try:
            children = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [self._process.pid, *(child.pid for child in children)]

    def send(self, number: signal.Signals) -> None:
        """Signal the server first, so that it starts no more children, then the children."""
        for pid in self.family():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask the server itself to end, and wait until it has; at most `START_SECONDS`, then kill."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the whole family at once; harmless when it has ended."""
        if self._process is None:
            return
        self.send(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def discard(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        atexit.unregister(self.kill)
        shutil.rmtree(self._folder, ignore_errors=True)
