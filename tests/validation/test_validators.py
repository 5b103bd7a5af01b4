"""`x-validator`: functions of the app's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.validation.asking import Site, errors
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.validation.schemas import custom

HERE = __name__
SCHEMA = {"type": "object", "properties": {"vat": {"type": "string", "x-validator": "vat"}}}
seen: list[Any] = []


def vat(value: Any) -> bool:
    seen.append(value)
    if value == "odd":
        raise ValueError("a secret of the value: odd")
    if value == "broken":
        raise KeyError("broken")
    return isinstance(value, str) and value.startswith("DE")


def nothing(value: Any) -> None:
    """Says nothing against a value."""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    seen.clear()
    yield


def site(tmp_path: Path, target: str = "vat", **more: Any) -> Site:
    return Site(tmp_path, {"POST.json": SCHEMA}, validators={"vat": f"{HERE}:{target}"}, **more)


def test_validator_judges_the_value(tmp_path: Path) -> None:
    made = site(tmp_path)
    assert made.post("/", {"vat": "DE1"}).code == 200
    answer = made.post("/", {"vat": "FR1"})
    assert answer.code == 400
    told = {"pointer": "/vat", "message": "is not a valid vat", "keyword": "x-validator", "part": "body"}
    assert errors(answer) == [told]
    assert seen == ["DE1", "FR1"]


def test_validator_is_asked_about_what_fits_beside_it(tmp_path: Path) -> None:
    answer = site(tmp_path).post("/", {"vat": 7})
    assert answer.code == 400
    assert [one["keyword"] for one in errors(answer)] == ["type"]
    assert seen == []


def test_value_error_refuses_without_its_words(tmp_path: Path) -> None:
    answer = site(tmp_path).post("/", {"vat": "odd"})
    assert answer.code == 400
    assert b"secret" not in answer.body


def test_nothing_returned_is_nothing_wrong(tmp_path: Path) -> None:
    assert site(tmp_path, "nothing").post("/", {"vat": "x"}).code == 200


@pytest.mark.parametrize("on_error", ["deny", "allow"])
def test_broken_validator_is_an_event_and_no_pass(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, on_error: str
) -> None:
    from tests.support.calling import request, serve
    from tests.validation.asking import schema_folder
    from wsgi_guard import Guard

    called: list[int] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        called.append(1)
        return []

    settings = {
        "guard": {"on_layer_error": on_error},
        "validation": {
            "schemas": str(schema_folder(tmp_path, {"POST.json": SCHEMA})), "validators": {"vat": f"{HERE}:vat"},
        },
    }  # fmt: skip
    guard = Guard(app, settings)
    answer = serve(guard, request("/", "POST", b'{"vat": "broken"}', CONTENT_TYPE="application/json"))
    assert answer.code == 500
    assert called == []
    events = [record.event for record in caplog.records if hasattr(record, "event")]
    assert len(events) == 1
    assert "KeyError" in str(events[0])
    assert b"broken" not in answer.body


def test_slow_validator_is_told_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom, "SLOW", -1.0)
    made = site(tmp_path)
    with caplog.at_level(logging.WARNING, "wsgi_guard"):
        for _ in range(3):
            made.post("/", {"vat": "DE1"})
    assert [record.getMessage()[:22] for record in caplog.records if "took" in record.getMessage()] == [
        "validator 'vat' took 0"
    ]


def test_what_is_not_declared_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'vat' is not declared"):
        Site(tmp_path, {"POST.json": SCHEMA})


def test_what_cannot_be_imported_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"validation\.validators\.vat"):
        site(tmp_path, "missing")


def test_default_is_not_judged_at_the_start(tmp_path: Path) -> None:
    schema = {"properties": {"vat": {"default": "FR1", "x-validator": "vat"}}}
    Site(tmp_path, {"POST.json": schema}, validators={"vat": f"{HERE}:vat"})
    assert seen == []
