"""Bodies are inspected behind real servers: attacks are found, and what passes reaches the app byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import private_folder
from tests.validation.forms import BOUNDARY, MULTIPART, body, field, file

from .servers import Running, running
from .test_uploads import chunked

pytestmark = pytest.mark.live

SETTINGS = """
[rate_limit]
builtin_rules = "off"
[validation]
schemas = "schemas"
[validation.threats]
mode = "block"
[validation.uploads]
max_file = "100 MiB"
max_request = "101 MiB"
"""
SQL, XSS = "1' or '1'='1", "<script>alert(1)</script>"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# What is sent, with an attack and without.
SENT = {
    "json": (JSON, json.dumps({"a": [{"b": SQL}]}).encode(), json.dumps({"a": [{"b": "O'Brien"}]}).encode()),
    "form": (FORM, b"q=1%27%20or%20%271%27=%271", b"q=rock+%27n%27+roll"),
    "multipart": (MULTIPART, body(field("q", XSS)), body(field("q", "1 < 2"), file("f", "a", "text/html", b"<p>"))),
    "file name": (MULTIPART, body(file("f", "../../etc/passwd", "text/plain", b"x")), body(field("a", "1"))),
    "text": ("text/plain", XSS.encode(), b"plain words"),
}
SIZE = 64 * 1024 * 1024
# What a server's own buffers and the spool may take of an upload of 64 MB.
ROOM = 20 * 1024 * 1024


def settings_folder() -> Path:
    folder = private_folder("inspection")
    (folder / "wsgi_guard.toml").write_text(SETTINGS)
    schema = folder / "schemas" / "echo" / "PUT.files.json"
    schema.parent.mkdir(parents=True)
    schema.write_text(json.dumps({"required": ["f"]}))
    for name, said in (("needed", {"required": ["id"]}), ("free", {"type": ["object", "null"]})):
        schema = folder / "schemas" / name / "POST.json"
        schema.parent.mkdir()
        schema.write_text(json.dumps(said))
    return folder


@pytest.fixture(scope="module", params=["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "waitress"])
def inspected(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param, "tests.live.configured:application", folder=settings_folder()) as site:
        yield site


@pytest.mark.parametrize("frame", ["length", "chunked", "gzip"])
@pytest.mark.parametrize("name", SENT)
def test_attacks_in_bodies_are_found(inspected: Running, name: str, frame: str) -> None:
    kind, attack, innocent = SENT[name]
    for sent, status in ((attack, 403), (innocent, 200)):
        headers = {"Content-Type": kind}
        if frame == "gzip":
            sent = gzip.compress(sent)
            headers["Content-Encoding"] = "gzip"
        if frame == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        answer = inspected.ask("POST", "/echo", headers, chunked(sent, 7) if frame == "chunked" else sent)
        assert answer.status == status
        if status == 200:
            assert json.loads(answer.body)["sha256"] == hashlib.sha256(sent).hexdigest()
    assert len(SENT) == 5


def test_an_upload_of_64_megabytes_stays_out_of_memory(inspected: Running) -> None:
    before = int(inspected.get("/memory").body)
    head = b"--" + BOUNDARY.encode() + b"\r\n" + file("f", "a.bin", "application/octet-stream", b"")
    tail = b"\r\n--" + BOUNDARY.encode() + b"--\r\n"
    piece, digest = bytes(1024 * 1024), hashlib.sha256(head)
    length = len(head) + SIZE + len(tail)
    with inspected.connect() as wire:
        headers = {"Content-Type": MULTIPART, "Content-Length": str(length), "Connection": "close"}
        wire.ask("PUT", "/echo", headers, head)
        for _ in range(SIZE // len(piece)):
            wire.send(piece)
            digest.update(piece)
        wire.send(tail)
        digest.update(tail)
        assert json.loads(wire.answer("PUT").body)["sha256"] == digest.hexdigest()
    assert int(inspected.get("/memory").body) - before < ROOM


@pytest.mark.parametrize("kind", [None, JSON, "text/plain"])
@pytest.mark.parametrize("length", [None, "0", "chunked"])
def test_no_body_is_the_same_everywhere(inspected: Running, kind: str | None, length: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    if length is not None:
        headers |= {"Transfer-Encoding": length} if length == "chunked" else {"Content-Length": length}
    sent = b"0\r\n\r\n" if length == "chunked" else b""
    answer = inspected.ask("POST", "/needed", headers, sent)
    assert (answer.status, json.loads(answer.body)["errors"][0]["message"]) == (400, "a body is required")
    # the app has no such page
    assert inspected.ask("POST", "/free", headers, sent).status == 404
    assert inspected.ask("POST", "/free", {"Content-Type": "text/plain", "Content-Length": "1"}, b"x").status == 415
