"""Schema files that change under a running app: taken over when they can be used, else those before them stay."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from wsgi_guard.validation.schemas.watch import PAUSE, Watch

from .asking import Audit, Site, schema_folder

AGE = {"properties": {"age": {"type": "integer"}}}
NAME = {"properties": {"name": {"type": "string"}}}


def eventually(what: Callable[[], bool]) -> None:
    """The folder is looked at once a second; a machine under load gets longer."""
    deadline = time.monotonic() + 10 * PAUSE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_changed_files_are_taken_over(tmp_path: Path, audit: Audit) -> None:
    site = Site(tmp_path, {"a/POST.json": AGE}, reload=True)
    assert site.post("/a", {"age": "x", "name": 1}).code == 400
    schema_folder(tmp_path, {"a/POST.json": NAME, "b/POST.json": AGE})
    eventually(lambda: site.post("/a", {"age": "x"}).code == 200)
    assert site.post("/a", {"name": 1}).code == 400
    assert site.post("/b", {"age": "x"}).code == 400
    (tmp_path / "schemas/a/POST.json").unlink()
    eventually(lambda: site.post("/a", {"name": 1}).code == 200)
    assert sum("schema files have changed" in text for text in audit.texts) == 2


def test_the_last_good_files_stay(tmp_path: Path, audit: Audit) -> None:
    site = Site(tmp_path, {"a/POST.json": AGE}, reload=True)
    schema_folder(tmp_path, {"a/POST.json": '{"properties": '})
    eventually(lambda: site.post("/a", {"age": 1}).code == 200 and any("cannot be used" in one for one in audit.texts))
    assert site.post("/a", {"age": "x"}).code == 400
    assert any("a/POST.json: is not JSON" in text for text in audit.texts)
    schema_folder(tmp_path, {"a/POST.json": NAME})
    eventually(lambda: site.post("/a", {"age": "x"}).code == 200)
    assert sum("cannot be used" in text for text in audit.texts) == 1


def test_a_folder_that_goes_away_changes_nothing(tmp_path: Path, audit: Audit) -> None:
    site = Site(tmp_path, {"a/POST.json": AGE}, reload=True)
    (tmp_path / "schemas").rename(tmp_path / "elsewhere")
    eventually(lambda: site.post("/a", {"age": 1}).code == 200 and any("cannot be used" in one for one in audit.texts))
    assert site.post("/a", {"age": "x"}).code == 400


def test_without_the_setting_files_are_read_once(tmp_path: Path) -> None:
    site = Site(tmp_path, {"a/POST.json": AGE})
    (tmp_path / "schemas/a/POST.json").write_text(json.dumps(NAME))
    assert site.post("/a", {"age": "x"}).code == 400


def test_a_watch_looks_once_a_second(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    assert watch.due(5.0)
    assert not watch.changed(5.0)
    assert not watch.due(5.9)
    assert watch.due(6.0)


def test_a_watch_sees_contents_names_and_times(tmp_path: Path) -> None:
    file = tmp_path / "GET.query.json"
    watch = Watch(tmp_path)
    file.write_text("{}")
    assert watch.changed(1.0)
    assert not watch.changed(2.0)
    os.utime(file, ns=(0, 0))
    assert watch.changed(3.0)
    file.rename(tmp_path / "PUT.query.json")
    assert watch.changed(4.0)
    (tmp_path / "PUT.query.json").unlink()
    assert watch.changed(5.0)
    assert not watch.changed(6.0)
