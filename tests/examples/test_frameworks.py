"""The six example apps, unmodified behind gunicorn and the guard: what each framework hides must still show."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.servers import ROOT, Running, running

pytestmark = pytest.mark.live

FOLDER = ROOT / "examples" / "frameworks"
APPS = ["plain", "flask_app", "django_app", "bottle_app", "falcon_app", "pyramid_app"]


@pytest.fixture(scope="module", params=APPS)
def site(request: pytest.FixtureRequest) -> Iterator[Running]:
    options = ("--chdir", str(FOLDER))
    with running("gunicorn-sync", "guarded:application", options=options, env={"APP": request.param}) as server:
        yield server


def test_every_example_app_is_listed() -> None:
    files = {path.stem for path in Path(FOLDER).glob("*.py")} - {"guarded"}
    assert files == set(APPS)


def test_page_passes_with_request_id(site: Running) -> None:
    answer = site.get("/")
    assert (answer.status, answer.body) == (200, b"hello")
    assert len(answer.all("X-Request-ID")) == 1


def test_raising_view_shows_error_id(site: Running) -> None:
    answer = site.get("/boom")
    assert answer.status == 500
    assert b"shelf" not in answer.body
    error_id = answer.get("X-Error-ID")
    assert error_id
    line = site.wait_log(r"(?m)^\{.*errors.*" + error_id + r".*\}$")[0]
    assert json.loads(line)["event"]["type"].endswith("LookupError")
    site.wait_log(r"(?m)^\{.*wsgi_guard\.access.*" + error_id)
    told = [json.loads(text) for text in site.log().splitlines() if text.startswith("{") and error_id in text]
    assert sorted(line["logger"] for line in told) == ["wsgi_guard.access", "wsgi_guard.errors"]


def test_decorator_limits_the_view(site: Running) -> None:
    answers = [site.get("/limited") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    # A sliding window: what was spent at the end of one minute weighs until the end of the next.
    assert 1 <= int(answers[2].get("Retry-After") or 0) <= 120
    assert json.loads(answers[2].body)["violated-policies"] == ["strict"]


def test_dead_database_is_503_in_time(site: Running) -> None:
    begin = time.monotonic()
    answer = site.get("/db")
    assert answer.status == 503
    assert int(answer.get("Retry-After") or 0) >= 1
    assert time.monotonic() - begin < 4
    assert json.loads(answer.body)["status"] == 503


def test_validated_data_reaches_the_view(site: Running) -> None:
    kind = {"Content-Type": "application/json"}
    answer = site.ask("POST", "/orders", kind, b'{"product": 7}')
    assert (answer.status, json.loads(answer.body)) == (200, {"product": 7, "quantity": 1})
    refused = site.ask("POST", "/orders", kind, b'{"product": "cup"}')
    assert refused.status == 400
    assert [error["pointer"] for error in json.loads(refused.body)["errors"]] == ["/product"]
