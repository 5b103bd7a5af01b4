"""From checks that fail to the message, under two gunicorn workers: one of the root alone, and one when it is over."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.health.ticking import PATIENCE, until
from tests.live.servers import Running, running

from .receivers import Hook

pytestmark = pytest.mark.live

TOKEN = "a-token-of-some-length"
APP = """
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app's"]

def database():
    return not os.path.exists("broken")

def calm():
    return True
"""
SETTINGS = """
[admin]
token = "{token}"

[alerts.webhook]
url = "{url}"

[health]
interval = 0.1

[health.checks]
system = {{ type = "shop:calm" }}
disk = {{ type = "shop:calm" }}
page = {{ type = "shop:database", needs = ["api"], tier = "ready" }}
api = {{ type = "shop:database", needs = ["database"] }}
database = {{ type = "shop:database" }}
"""


def detailed(site: Running) -> Any:
    return json.loads(site.get("/health/detailed", {"Authorization": f"Bearer {TOKEN}"}).body)


def blocked(site: Running) -> Any:
    """As a worker tells it that knows: one may answer any number of requests in a row, the others hear later."""
    deadline = monotonic() + PATIENCE
    while "blocked_by" not in (found := detailed(site))["checks"]["page"][0]:
        assert monotonic() < deadline, "no worker tells of the cascade"
    return found


def test_cascade_is_one_message_of_its_root(tmp_path: Path, hook: Hook) -> None:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS.format(token=TOKEN, url=hook.url))
    options = ("-c", "python:wsgi_guard.gunicorn", "--workers", "2", "--chdir", str(tmp_path))
    with running("gunicorn-sync", "shop:app", options=options, folder=tmp_path) as site:
        until(lambda: all(site.get("/readyz").status == 200 for _ in range(6)))
        (tmp_path / "broken").touch()
        blocked(site)
        # Balancers that ask and are told so are no errors of the app.
        until(lambda: {site.get("/readyz").status for _ in range(30)} == {503})
        found = blocked(site)
        assert (found["causes"], found["output"]) == (["database"], "database: returned False")
        assert found["checks"]["database"][0]["affected"] == ["api", "page"]
        assert found["checks"]["page"][0]["output"] == "returned False; blocked by database"
        hook.inbox.wait(1, 20)
        (tmp_path / "broken").unlink()
        hook.inbox.wait(2, 20)
        until(lambda: all(site.get("/health").body == b'{"status": "pass"}' for _ in range(6)))
    # After the end of the server nothing more is on its way.
    alerts = [one for _, told, _ in hook.inbox.now() for one in told["alerts"]]
    assert [one["kind"] for one in alerts] == ["first", "recovered"]
    assert all("database" in json.dumps(one) for one in alerts)
    assert "api, page" in json.dumps(alerts[0])
