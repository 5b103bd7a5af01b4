"""What operators are given: each file is read by the program that it is for, and a real Prometheus alerts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.servers import ROOT, Running, running
from tests.observe.asking import read
from tests.support import prometheus
from tests.support.postgres import Postgres
from tests.support.processes import free_port
from tests.support.prometheus import Prometheus

pytestmark = pytest.mark.live

OPERATE = ROOT / "examples" / "operate"
TOKEN = "a-token-of-some-length"
SERIES = re.compile(r"\b(?:http|wsgi_guard)_[a-z0-9_]+")
FLAG = ("-c", "python:wsgi_guard.gunicorn")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the files, with the token beside them."""
    if reason := prometheus.missing():
        pytest.exit(reason, returncode=2)
    folder = tmp_path / "operate"
    shutil.copytree(OPERATE, folder)
    (folder / "admin_token").write_text(TOKEN)
    return folder


def run(*command: str, folder: Path, **env: str) -> str:
    variables = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **env}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_reads_its_files(files: Path) -> None:
    run("promtool", "check", "config", "prometheus.yml", folder=files)
    assert "22 rules" in run("promtool", "check", "rules", "rules.yml", folder=files)
    run("promtool", "test", "rules", "rules_test.yml", folder=files)


def dashboard() -> list[str]:
    """The queries of the dashboard."""
    panels = json.loads((OPERATE / "grafana" / "dashboard.json").read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(found) > 20
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    return found


def test_queries_of_the_dashboard_are_right(files: Path) -> None:
    text = "groups:\n- name: dashboard\n  rules:\n"
    for at, query in enumerate(dashboard()):
        plain = query.replace("$__rate_interval", "5m").replace("$job", "shop").replace("$instance", ".*")
        text += f"  - {{record: 'q{at}', expr: {json.dumps(plain)}}}\n"
    (files / "queries.yml").write_text(text)
    run("promtool", "check", "rules", "queries.yml", folder=files)


APP = """
import psycopg

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/query":
        with environ["wsgi_guard.pool"].connection() as line:
            line.execute("select 1")
    if path == "/broken":
        raise psycopg.OperationalError("the database has gone")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
SETTINGS = """
[guard]
defaults = "enforce"
[admin]
token = "{token}"
listen = "127.0.0.1:{port}"
[log]
file = "guard.log"
[validation]
schemas = "schemas"
[alerts.webhook]
url = "http://127.0.0.1:9/alerts"
[[rate_limit.rules]]
name = "few"
path = "/few"
limit = "1 per hour"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "schemas" / "orders").mkdir(parents=True)
    (tmp_path / "schemas" / "orders" / "POST.json").write_text('{"type": "object", "required": ["id"]}')
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "wsgi_guard.toml").write_text(SETTINGS.format(token=TOKEN, port=free_port()))
    return tmp_path


def port_of(site: Path) -> str:
    found = re.search(r"127\.0\.0\.1:(\d+)", (site / "wsgi_guard.toml").read_text())
    assert found is not None
    return found[1]


@pytest.fixture
def shop(site: Path, postgres_server: Postgres) -> Iterator[Running]:
    options, env = ("--chdir", str(site), *FLAG, "--workers", "4"), {"DATABASE_URL": postgres_server.url}
    with running("gunicorn-sync", "shop:app", options=options, folder=site, env=env) as shop:
        yield shop


def wait_for(true: Callable[[], Any], patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def exported(shop: Running) -> set[str]:
    answer = shop.get("/metrics", {"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 200
    return {name for name, _ in read(answer.body)}


def test_every_series_is_exported(shop: Running) -> None:
    asked = [
        shop.get("/query"), shop.get("/few"), shop.get("/few"), shop.get("/broken"), shop.get("/?q=1'+or+'1'='1"),
        shop.ask("POST", "/orders", {"Content-Type": "application/json", "Content-Length": "2"}, b"{}"),
    ]  # fmt: skip
    assert [answer.status for answer in asked] == [200, 200, 429, 500, 403, 400]
    wanted = {name for text in (*dashboard(), (OPERATE / "rules.yml").read_text()) for name in SERIES.findall(text)}
    assert len(wanted) > 30
    # Names of rules that the file itself makes, and of groups.
    made = set(re.findall(r"record: \w+:(\w+):", (OPERATE / "rules.yml").read_text()))
    # What the other workers have counted is told about once a second.
    wait_for(lambda: wanted - made - {"wsgi_guard"} <= exported(shop))
    manual = (ROOT / "README.md").read_text().partition("## Metrics\n")[2].partition("\n## ")[0]
    families = set(re.findall(r"`((?:http|wsgi_guard)_\w+)`", manual))
    assert len(families) > 12
    there = exported(shop)
    assert [name for name in families if not any(sample.startswith(name) for sample in there)] == []


def test_real_prometheus_scrapes_four_workers_and_alerts(files: Path, site: Path, shop: Running) -> None:
    config = (files / "prometheus.yml").read_text()
    assert config.count("15s") == 2
    config = config.replace("15s", "500ms").replace("app:9101", f"127.0.0.1:{port_of(site)}")
    (files / "prometheus.yml").write_text(config)
    server = Prometheus(files)
    try:
        query = 'sum(http_requests_total{job="shop", status="500"})'
        sent = 0

        def fires() -> bool:
            nonlocal sent
            sent += sum(shop.get("/broken").status == 500 for _ in range(10))
            firing = [alert["labels"] for alert in server.alerts() if alert["state"] == "firing"]
            return {"alertname": "ManyErrorsAtOnce", "job": "shop", "severity": "critical"} in firing

        wait_for(fires)
        assert sent > 20
        wait_for(lambda: server.value(query) == sent)
        assert server.value('up{job="shop"}') == 1
        assert server.value("sum(http_requests_in_progress)") == 1
        # What slices count by themselves is told about once a second.
        wait_for(lambda: server.value('sum(wsgi_guard_errors_total{category="database"})') == sent)
        broken = [rule["name"] for rule in server.rules() if rule["health"] != "ok"]
        assert broken == []
    finally:
        server.discard()


def test_settings_are_right(files: Path) -> None:
    text = (files / "wsgi_guard.toml").read_text()
    assert "/run/secrets/admin_token" in text
    text = text.replace("/run/secrets/admin_token", str(files / "admin_token"))
    text = text.replace("/var/log/shop/guard.log", str(files / "guard.log"))
    (files / "wsgi_guard.toml").write_text(text)
    shutil.copytree(ROOT / "examples" / "shop" / "schemas", files / "schemas")
    run("wsgi-guard", "check", "wsgi_guard.toml", folder=files, SLACK_WEBHOOK_URL="", SENTRY_DSN="")


def test_unit_is_right(files: Path) -> None:
    text = (files / "shop.service").read_text()
    assert "python:wsgi_guard.gunicorn" in text
    here = Path(sys.executable).parent
    (files / "shop.service").write_text(text.replace("/srv/shop/.venv/bin", str(here)))
    if shutil.which("systemd-analyze"):
        assert run("systemd-analyze", "verify", str(files / "shop.service"), folder=files) == ""


def test_compose_names_what_is_there() -> None:
    text = (OPERATE / "compose.yaml").read_text()
    mounted = re.findall(r"\./([\w./]+):", text)
    assert len(mounted) == 6
    assert [name for name in mounted if not (OPERATE / name).is_file()] == []
    assert (OPERATE / "Dockerfile").is_file()
    known = set(re.findall(r"^(\w+)=", (OPERATE / ".env.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"environment: (\w+)$", text, re.MULTILINE))
    assert asked == known
    for service in ("nginx", "app", "redis", "postgres", "prometheus", "grafana"):
        assert re.search(rf"^  {service}:$", text, re.MULTILINE)


def test_rotation_keeps_the_file_that_the_settings_name() -> None:
    name = "/var/log/shop/guard.log"
    assert name in (OPERATE / "logrotate.conf").read_text()
    assert f'file = "{name}"' in (OPERATE / "wsgi_guard.toml").read_text()
