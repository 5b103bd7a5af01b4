"""A private PostgreSQL on a free port of 127.0.0.1; `initdb` runs once, servers start from copies of its folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path

from tests.support.processes import HOST, Child, StartFailed, free_port, private_folder

# A test database may lose everything in a crash of the machine; nothing here changes what a client sees.
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "16MB",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
    "superuser_reserved_connections": "3",
}

# A database is 300 files; the two that nobody connects to would be half of each copy.
_SETUP = """
CREATE ROLE app LOGIN PASSWORD 'word-of-app';
CREATE DATABASE app OWNER app;
DROP DATABASE postgres;
ALTER DATABASE template0 IS_TEMPLATE false;
DROP DATABASE template0;
"""

_ASKING = f"""
host all postgres {HOST}/32 trust
host all all {HOST}/32 scram-sha-256
"""


class Postgres:
    """A running server with one database; `url` and `port` stay the same over stop and start, and so does the data.

    `url` is an ordinary user's, who runs out of connections before the superuser of `admin_url` does. With `password`
    the server asks that user for it, as PostgreSQL does unless it was told to trust; the superuser is trusted always.
    """

    def __init__(self, *, max_connections: int = 60, password: bool = False) -> None:
        self.port = free_port()
        self.url = f"postgresql://app:word-of-app@{HOST}:{self.port}/app" if password else self._trusted("app")
        self.admin_url = self._trusted("postgres")
        folder = private_folder("postgres", _owner())
        self._data = folder / "data"
        _copy(_template(), self._data)
        if password:
            (self._data / "pg_hba.conf").write_text(_ASKING)
        options = {**_OPTIONS, "port": str(self.port), "max_connections": str(max_connections)}
        words = [word for name, text in options.items() for word in ("-c", f"{name}={text}")]
        # SIGQUIT is "immediate shutdown": the server ends its children itself.
        self._child = Child(
            [_program("postgres"), "-D", str(self._data), *words],
            folder,
            self._accepts,
            user=_owner(),
            death=signal.SIGQUIT,
        )
        self.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def start(self) -> None:
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._child.start()

    def stop(self) -> None:
        """Ends every session and then itself ("fast shutdown"); new connections are refused."""
        self._child.stop(signal.SIGINT)

    def kill(self) -> None:
        """Gone at once with all its processes, as by a power cut."""
        self._child.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Connections stay open and nothing is answered, until `thaw()`."""
        self._child.freeze()

    def thaw(self) -> None:
        self._child.thaw()

    def discard(self) -> None:
        """The end: kill it and remove its folder."""
        self._child.discard()

    def _trusted(self, user: str) -> str:
        return f"postgresql://{user}@{HOST}:{self.port}/app"

    def _accepts(self) -> bool:
        # The eighth line is the server's own word on its state; asking here needs no driver and no connection.
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def missing() -> str | None:
    """Why PostgreSQL cannot be started here, or None."""
    absent = [name for name in ("postgres", "initdb") if _find(name) is None]
    if absent:
        return f"{' and '.join(absent)} of PostgreSQL not found: apt-get install -y postgresql"
    return None


def _find(name: str) -> str | None:
    found = shutil.which(name)
    if found is not None:
        return found
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name))
    config = shutil.which("pg_config")
    if config is not None:
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(answer.stdout.strip()))
    usable = [str(folder / name) for folder in folders if os.access(folder / name, os.X_OK)]
    return usable[-1] if usable else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _program(name: str) -> str:
    found = _find(name)
    if found is None:
        raise StartFailed(f"{name!r} of PostgreSQL not found")
    # The real path: initdb looks for its neighbours beside itself.
    return os.path.realpath(found)


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@cache
def _template() -> Path:
    """A data folder fresh from `initdb`, with the user and the database of the tests, made once a test run."""
    folder = private_folder("template", _owner())
    data = folder / "data"
    words = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"]
    _run([_program("initdb"), "-D", str(data), *words], folder)
    _run([_program("postgres"), "--single", "-D", str(data), "-c", "fsync=off", "template1"], folder, _SETUP)
    return data


def _run(command: list[str], folder: Path, text: str = "") -> None:
    user = _owner()
    done = subprocess.run(
        command,
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise StartFailed(f"{command[0]!r} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    target.chmod(0o700)
    user = _owner()
    if user is None:
        return
    for path, folders, files in os.walk(target):
        for name in (".", *folders, *files):
            os.chown(os.path.join(path, name), user.pw_uid, user.pw_gid)
