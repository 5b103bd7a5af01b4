"""A body is read only where a schema or the screen asks for it; what is not read is counted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import PLAIN, request, serve
from wsgi_guard import Guard

from .asking import FORM, JSON, Audit, Site, schema_folder

FILES = {"orders/POST.json": {"type": "object"}}


def ok(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [PLAIN])
    return [b"ok"]


class Untouchable(io.RawIOBase):
    """A stream that tells whether anybody read it."""

    touched = False

    def read(self, size: int | None = -1) -> bytes:
        self.touched = True
        return b""

    readline = read


UNREAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("an upload", {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": "200000"}),
    ("a picture", {"CONTENT_TYPE": "image/png", "CONTENT_LENGTH": "100"}),
    ("bytes", {"CONTENT_TYPE": "application/octet-stream", "CONTENT_LENGTH": "100"}),
    ("no type", {"CONTENT_LENGTH": "200000"}),
    ("a large document", {"CONTENT_TYPE": JSON, "CONTENT_LENGTH": str(128 * 1024 + 1)}),
    ("an endless document", {"CONTENT_TYPE": JSON, "HTTP_TRANSFER_ENCODING": "chunked"}),
)


@pytest.mark.parametrize(("name", "keys"), UNREAD)
def test_a_body_nobody_asks_for_is_not_read(audit: Audit, name: str, keys: dict[str, Any]) -> None:
    stream = Untouchable()
    seen: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"])
        return ok(environ, start_response)

    guard = Guard(app, {"guard": {"layers": ["validation"]}, "validation": {"threats": {"mode": "block"}}})
    answer = serve(guard, request("/up", "POST", **{"wsgi.input": stream, **keys}))
    assert (answer.code, stream.touched) == (200, False)
    assert seen == [stream]
    assert audit.kinds() == [("unscanned", "body")]
    assert len(UNREAD) == 6


@pytest.mark.parametrize("keys", [{}, {"CONTENT_LENGTH": "0"}, {"CONTENT_TYPE": JSON}, {"CONTENT_LENGTH": ""}])
def test_a_request_without_body_is_not_read_and_not_counted(audit: Audit, keys: dict[str, Any]) -> None:
    stream = Untouchable()
    guard = Guard(ok, {"guard": {"layers": ["validation"]}})
    for method in ("GET", "POST"):
        assert serve(guard, request("/a", method, **{"wsgi.input": stream, **keys})).code == 200
    assert not stream.touched
    assert audit.kinds() == []


@pytest.mark.parametrize(("name", "keys"), UNREAD)
def test_beyond_refuse_takes_nothing_unseen(name: str, keys: dict[str, Any]) -> None:
    threats = {"mode": "block", "beyond": "refuse"}
    guard = Guard(ok, {"guard": {"layers": ["validation"]}, "validation": {"threats": threats}})
    answer = serve(guard, request("/up", "POST", **{"wsgi.input": Untouchable(), **keys}))
    assert answer.code in (411, 413, 415)


def test_a_body_without_schema_is_not_judged_by_its_form(audit: Audit) -> None:
    site = Site(None, threats={"mode": "block"})
    for kind, body in (
        (JSON, b"{"),
        (JSON, b"\xff"),
        (JSON, b'{"a":1,"a":2}'),
        (FORM, b"%FF=%"),
        ("text/plain", b"\x00\xff"),
    ):
        assert site.post("/free", body, kind).code == 200
        assert site.body == body
    assert [verdict for verdict, _ in audit.kinds() if verdict == "deny"] == []


def test_nothing_is_read_when_threats_are_off(audit: Audit, tmp_path: Path) -> None:
    folder = schema_folder(tmp_path, FILES)
    settings = {"validation": {"schemas": str(folder), "threats": {"mode": "off"}}, "guard": {"layers": ["validation"]}}
    stream = Untouchable()
    environ = request("/free", "POST", CONTENT_TYPE=JSON, CONTENT_LENGTH="9", **{"wsgi.input": stream})
    assert serve(Guard(ok, settings), environ).code == 200
    assert (stream.touched, audit.kinds()) == (False, [])


def test_a_picture_without_a_type_is_not_looked_at(audit: Audit) -> None:
    site = Site(None, threats={"mode": "block"})
    picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR' or 1=1--<script>"
    assert (site.ask("/up", "PUT", picture).code, site.body) == (200, picture)
    assert audit.kinds() == [("unscanned", "body")]
    assert Site(None, threats={"beyond": "refuse"}).ask("/up", "PUT", picture).code == 415


def test_a_layer_with_nothing_to_do_is_absent() -> None:
    assert "validation" not in repr(Guard(ok, {"validation": {"threats": {"mode": "off"}}}))
    assert "validation" in repr(Guard(ok, {}))
