"""Schema files under gunicorn: a HUP takes new ones over, and goes on with the old ones where they are wrong."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from .servers import Running, running

pytestmark = pytest.mark.live

APP = """
import os

def app(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


def write(folder: Path, schema: str) -> None:
    (folder / "schemas").mkdir(exist_ok=True)
    (folder / "schemas/GET.query.json").write_text(schema)


def takes(limit: int) -> str:
    return json.dumps({"properties": {"page": {"type": "integer", "maximum": limit}}})


def worker(site: Running) -> int:
    return int(site.get("/?page=1").body)


def other_worker(site: Running, than: int) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            found = worker(site)
        except (OSError, EOFError, ValueError, AssertionError):
            found = than
        if found != than:
            return found
        time.sleep(0.05)
    raise AssertionError("no other worker answers")


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-preload"])
def test_hup_reads_schema_files_again_and_survives_wrong_ones(tmp_path: Path, server: str) -> None:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text('[validation]\nschemas = "schemas"\n')
    write(tmp_path, takes(5))
    options = ("--chdir", str(tmp_path), "-c", "python:wsgi_guard.gunicorn")
    with running(server, "shop:app", options=options, folder=tmp_path) as site:
        first = worker(site)
        assert site.get("/?page=6").status == 400
        write(tmp_path, takes(10))
        site.send(signal.SIGHUP)
        second = other_worker(site, first)
        assert (site.get("/?page=6").status, site.get("/?page=11").status) == (200, 400)
        write(tmp_path, "{")
        site.send(signal.SIGHUP)
        third = other_worker(site, second)
        assert (site.get("/?page=6").status, site.get("/?page=11").status) == (200, 400)
        # nor does a worker that takes the place of a dead one meanwhile
        os.kill(third, signal.SIGKILL)
        other_worker(site, third)
        assert (site.get("/?page=6").status, site.get("/?page=11").status) == (200, 400)
        assert "GET.query.json: is not JSON" in site.log()
