"""A private Prometheus on a free port of 127.0.0.1, asked by its API."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.support.processes import HOST, Child, free_port


class Prometheus:
    """Runs with the configuration in `folder`; its data goes there too."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://{HOST}:{free_port()}"
        command = [
            str(shutil.which("prometheus")), f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={self.url.removeprefix('http://')}",
        ]  # fmt: skip
        self._child = Child(command, folder, partial(_is_ready, self.url))
        self._child.start()

    def _asked(self, path: str, **query: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> float | None:
        """What `query` yields just now; None for nothing. One number is expected."""
        found = self._asked("query", query=query)["result"]
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._asked("alerts")["alerts"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._asked("rules")["groups"] for rule in group["rules"]]

    def discard(self) -> None:
        self._child.discard()


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def missing() -> str | None:
    """What to say where there is no Prometheus."""
    if shutil.which("prometheus") and shutil.which("promtool"):
        return None
    return "no prometheus and promtool on the PATH; run ./tests/run or: sudo apt-get install prometheus"
