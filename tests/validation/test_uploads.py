"""Files and fields of multipart bodies are judged by their schemas, streamed, bounded and replayed byte for byte."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import PLAIN, request, serve
from wsgi_guard import Guard
from wsgi_guard.body import STEP, Body

from .asking import FORM, Audit, Site, errors, schema_folder
from .forms import BOUNDARY, MULTIPART, body, field, file, part

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
AVATAR = {
    "properties": {
        "avatar": {
            "properties": {"detected_type": {"enum": ["image/png", "image/gif"]}, "size": {"maximum": 5000}},
        },
        "papers": {"type": "array", "maxItems": 2},
    },
    "required": ["avatar"],
    "additionalProperties": False,
}
FILES: dict[str, Any] = {
    "avatars/POST.files.json": AVATAR,
    "signup/POST.form.json": {
        "properties": {"age": {"type": "integer"}, "tags": {"type": "array"}},
        "required": ["age"],
    },
    "both/POST.form.json": {"properties": {"title": {"type": "string", "maxLength": 10}}, "required": ["title"]},
    "both/POST.files.json": {"properties": {"paper": {}}, "required": ["paper"]},
    "any/POST.json": True,
    "any/POST.files.json": True,
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, FILES, threats={"mode": "block"})


def test_a_file_is_an_object_for_its_schema(site: Site) -> None:
    sent = body(file("avatar", "me.png", "image/png", PNG))
    assert site.post("/avatars", sent, MULTIPART).code == 200
    assert site.validated == {
        "files": {
            "avatar": {
                "filename": "me.png", "content_type": "image/png", "detected_type": "image/png", "size": len(PNG),
            }
        }
    }  # fmt: skip
    assert site.body == sent


def test_files_of_one_name_are_a_list(site: Site) -> None:
    paper = file("papers", "a.txt", "text/plain", b"one")
    avatar = file("avatar", "me.gif", "image/gif", b"GIF89a....")
    assert site.post("/avatars", body(avatar, paper), MULTIPART).code == 200
    assert [each["size"] for each in site.validated["files"]["papers"]] == [3]
    assert site.post("/avatars", body(avatar, paper, paper), MULTIPART).code == 200
    assert len(site.validated["files"]["papers"]) == 2
    answer = site.post("/avatars", body(avatar, paper, paper, paper), MULTIPART)
    assert [(each["pointer"], each["keyword"]) for each in errors(answer)] == [("/papers", "maxItems")]


def test_what_a_schema_says_of_files_is_told(site: Site) -> None:
    answer = site.post("/avatars", body(file("avatar", "me.txt", "text/plain", b"x" * 5001)), MULTIPART)
    assert answer.code == 400
    assert sorted(each["pointer"] for each in errors(answer)) == ["/avatar/detected_type", "/avatar/size"]
    assert errors(site.post("/avatars", body(), MULTIPART))[0]["keyword"] == "required"


def test_a_file_that_nobody_chose_is_absent(site: Site) -> None:
    answer = site.post("/avatars", body(file("avatar", "", "application/octet-stream", b"")), MULTIPART)
    assert errors(answer)[0]["message"] == "'avatar' is required"
    assert site.post("/avatars", body(file("avatar", "", "image/png", PNG)), MULTIPART).code == 400


def test_fields_are_judged_and_converted_as_those_of_a_form(site: Site) -> None:
    sent = body(field("age", "42"), field("tags", "a"), field("tags", "b"))
    assert site.post("/signup", sent, MULTIPART).code == 200
    assert site.validated == {"form": {"age": 42, "tags": ["a", "b"]}}
    assert site.post("/signup", b"age=42&tags=a&tags=b", FORM).code == 200
    assert site.validated == {"form": {"age": 42, "tags": ["a", "b"]}}
    assert errors(site.post("/signup", body(field("age", "x")), MULTIPART))[0]["pointer"] == "/age"


def test_form_and_files_are_judged_together(site: Site) -> None:
    good = body(field("title", "short"), file("paper", "p.pdf", "application/pdf", b"%PDF-1.7"))
    assert site.post("/both", good, MULTIPART).code == 200
    assert set(site.validated) == {"form", "files"}
    told = errors(site.post("/both", body(field("title", "far too long")), MULTIPART))
    assert [(each["pointer"], each["keyword"]) for each in told] == [("/title", "maxLength"), ("", "required")]
    assert errors(site.post("/both", b"title=short", FORM))[0]["message"] == "'paper' is required"


@pytest.mark.parametrize("kind", [FORM, "multipart/mixed; boundary=x", "image/png", "text/plain", ""])
def test_files_come_in_no_other_type(site: Site, kind: str) -> None:
    answer = site.post("/avatars", b"avatar=1", kind)
    assert (answer.code, answer.header("Accept")) == (415, "multipart/form-data")
    assert site.post("/any", b"[1]").code == 200


CLAIMS: list[tuple[str, str, bytes, int]] = [
    ("a.png", "image/png", PNG, 200),
    ("a.png", "application/octet-stream", PNG, 200),
    ("photo", "", PNG, 200),
    ("a.jpg", "image/jpeg", PNG, 400),
    ("a.png", "image/jpeg", PNG, 400),
    ("a.jpg", "image/png", PNG, 400),
    ("a.png", "image/png", b"<?php system($_GET['c']);", 400),
    ("a.php", "image/png", PNG, 400),
    ("a.gif", "image/gif", b"MZ" + bytes(100), 400),
    ("a.pdf", "application/pdf", b"<html><script>1</script>", 400),
    ("a.txt", "text/plain", b"\x7fELF\x02\x01\x01", 400),
    ("a.csv", "text/csv", b"<script>alert(1)</script>", 400),
    ("a.csv", "application/vnd.ms-excel", b"a;b\r\n1;2\r\n", 200),
    ("a.md", "text/markdown", b"# Title\n", 200),
    ("a.py", "text/x-python", b"#!/usr/bin/env python\n", 200),
    ("a.json", "application/json", b'{"a": [1, 2]}', 200),
    ("a.zip", "application/x-zip-compressed", b"PK\x03\x04" + bytes(60), 200),
    ("a.docx", "application/octet-stream", b"PK\x03\x04" + bytes(60), 200),
    ("a.unknown", "application/x-of-nobody", b"\0\1\2", 200),
]


@pytest.mark.parametrize(("filename", "kind", "content", "code"), CLAIMS, ids=range(len(CLAIMS)))
def test_name_and_type_must_fit_the_content(
    tmp_path: Path, audit: Audit, filename: str, kind: str, content: bytes, code: int
) -> None:
    sent = body(file("f", filename, kind, content) if kind else part(f'name="f"; filename="{filename}"', content))
    assert Site(tmp_path, FILES).post("/any", sent, MULTIPART).code == code
    audit.decisions.clear()
    reporting = Site(tmp_path, FILES, uploads={"mismatch": "report"}, threats={"mode": "off"})
    assert reporting.post("/any", sent, MULTIPART).code == 200
    assert audit.kinds() == ([] if code == 200 else [("shadow", "uploads")])
    assert len(CLAIMS) == 19


# Names that end otherwise than they look, or that servers and desktops run.
RUN = [
    "x.php", "x.PHP", "x.php.", "x.php. .", "x.php ", "x.php\u200b", "x.php\u00a0", "x.ph\u200dp", "x\u00ad.php",
    "x.php%20", "x.php%2e", "x.php%252e", "x%2ephp", "x.%70hp", "x.php;.png", "x.php;1.png", "x.php:.png",
    "x.asp;y.jpg.png", "x.php%3b.png", "x\uff0ephp", "x.\uff50\uff48\uff50", "x.php\ufe0f", "x.php\u3164",
    "x.php\u2800",
    "x.php\U000e0020",
    "x.php5", "x.php7", "x.phtml", "x.pht", "x.phps", "x.asp", "x.aspx", "x.ashx", "x.cer", "x.jsp", "x.jspx", "x.cfm",
    "x.cgi", "x.pl", "x.rb", "x.bat", "x.cmd", "x.ps1", "x.vbs", "x.hta", "x.scr", "x.exe", "x.sh", "x.shtml",
    ".htaccess", "x.png.php", "x.war",
]  # fmt: skip
PICTURES = [
    "x.png", "x.PNG", "x.png.", "x y.png", "x\u200b.png", "x%20y.png",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.png",
    "\U0001f468\u200d\U0001f469.png", "a;b.png", "Plan: 1.png", "v1.2; last.png", "notes.txt; copy.png",
    "100%.png", "photo", "x.unknown", "php", "x.phpx.png",
]  # fmt: skip


@pytest.mark.parametrize("filename", RUN)
def test_what_a_name_hides_is_held_against_the_content(tmp_path: Path, filename: str) -> None:
    site = Site(tmp_path, FILES, threats={"mode": "off"})
    told = errors(site.post("/any", body(file("f", filename, "image/png", PNG)), MULTIPART))
    assert "filename" in {error["keyword"] for error in told}
    assert len(RUN) == 52


@pytest.mark.parametrize("filename", PICTURES)
def test_pictures_may_be_called_as_people_call_them(tmp_path: Path, filename: str) -> None:
    site = Site(tmp_path, FILES, threats={"mode": "off"})
    assert site.post("/any", body(file("f", filename, "image/png", PNG)), MULTIPART).code == 200
    assert len(PICTURES) == 17


@pytest.mark.parametrize("filename", ["x.php", "x.jsp", "x.bat", "x.pl", ".htaccess", "x.php5", "x.cer", "x.scr"])
def test_a_program_that_is_one_fits_its_name(tmp_path: Path, filename: str) -> None:
    site = Site(tmp_path, FILES, threats={"mode": "off"})
    sent = body(file("f", filename, "application/octet-stream", b"echo 1 # text\n"))
    assert site.post("/any", sent, MULTIPART).code == 200
    certificate = body(file("f", "x.cer", "application/pkix-cert", b"\x30\x82\x01\x00\0\1"))
    assert site.post("/any", certificate, MULTIPART).code == 200


PATHS = [
    "../a.png", "..%5Ca.png", "/etc/passwd", "a/b.png", "%2e%2e%2fa.png", "%252e%252e%252fa.png",
    "C:a.png", "..", ".", "a\u2215b.png", "\uff0e\uff0e\uff0fa", "photo\u202egnp.exe", "a" * 256, "a.png:$DATA",
    "%00.png",
]  # fmt: skip


@pytest.mark.parametrize("filename", PATHS)
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, filename: str) -> None:
    site = Site(tmp_path, {"a/POST.files.json": {"properties": {"f": {}}}}, threats={"mode": "off"})
    answer = site.post("/a", body(file("f", filename, "application/octet-stream", b"")), MULTIPART)
    assert [(each["pointer"], each["keyword"]) for each in errors(answer)] == [("/f/filename", "filename")]
    assert len(PATHS) == 15


@pytest.mark.parametrize("filename", ["100%.png", "Jahr 2024: Plan.pdf", "a..b.txt", "été (1).txt", ".bashrc", "x%20y"])
def test_an_odd_name_is_no_path(tmp_path: Path, filename: str) -> None:
    site = Site(tmp_path, {"a/POST.files.json": True}, threats={"mode": "block"})
    assert site.post("/a", body(file("f", filename, "application/octet-stream", b"")), MULTIPART).code == 200


LIMITS: list[tuple[dict[str, Any], bytes, int]] = [
    ({"max_file": 10}, body(file("f", "a", "text/plain", b"x" * 10)), 200),
    ({"max_file": 10}, body(file("f", "a", "text/plain", b"x" * 11)), 413),
    ({"max_files": 2}, body(*[file("f", "a", "text/plain", b"x")] * 2), 200),
    ({"max_files": 2}, body(*[file("f", "a", "text/plain", b"x")] * 3), 413),
    ({"max_request": 200}, body(file("f", "a", "text/plain", b"x" * 300)), 413),
]


@pytest.mark.parametrize(("uploads", "sent", "code"), LIMITS, ids=range(len(LIMITS)))
def test_size_and_number_of_files_are_bounded(tmp_path: Path, uploads: dict[str, Any], sent: bytes, code: int) -> None:
    site = Site(tmp_path, FILES, uploads=uploads)
    assert site.post("/any", sent, MULTIPART).code == code
    assert len(LIMITS) == 5


def test_fields_are_bounded_in_number_and_bytes(tmp_path: Path) -> None:
    site = Site(tmp_path, FILES, max_body=1000, max_members=5, max_string=100, uploads={"max_files": 1})
    assert site.post("/any", body(*[field("a", "x")] * 6), MULTIPART).code == 200
    assert site.post("/any", body(*[field("a", "x")] * 7), MULTIPART).code == 400
    assert site.post("/any", body(field("a", "x" * 101)), MULTIPART).code == 400
    assert site.post("/any", body(field("a", "x" * 1001)), MULTIPART).code == 413
    assert site.post("/signup", body(field("age", "1"), field("b", "x" * 900)), MULTIPART).code == 413


# streaming


class Endless(io.RawIOBase):
    """A multipart body with one file of `size` bytes, made as it is read."""

    def __init__(self, size: int) -> None:
        delimiter = b"--" + BOUNDARY.encode()
        head = delimiter + b"\r\n" + file("f", "big.bin", "application/octet-stream", b"")
        self.pieces = self._pieces(head, size, b"\r\n" + delimiter + b"--\r\n")
        self.length = len(head) + size + len(delimiter) + 6
        self.rest = b""

    def _pieces(self, head: bytes, size: int, tail: bytes) -> Iterator[bytes]:
        yield head
        for _ in range(size // STEP):
            yield bytes(STEP)
        yield tail

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None and 0 <= size <= STEP
        if not self.rest:
            self.rest = next(self.pieces, b"")
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece




def test_64_megabytes_are_never_in_memory(tmp_path: Path) -> None:
    folder = schema_folder(tmp_path, FILES)
    stream, read = Endless(64 * 1024**2), 0

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        nonlocal read
        assert environ["wsgi_guard.validated"]["files"]["f"]["size"] == 64 * 1024**2
        while piece := environ["wsgi.input"].read(STEP):
            read += len(piece)
        start_response("200 OK", [PLAIN])
        return [b"ok"]

    settings = {"schemas": str(folder), "uploads": {"max_file": "64 MiB", "max_request": "65 MiB"}}
    guard = Guard(app, {"guard": {"layers": ["validation"]}, "validation": settings})
    keys = {"wsgi.input": stream, "CONTENT_LENGTH": str(stream.length), "CONTENT_TYPE": MULTIPART}
    tracemalloc.start()
    try:
        answer = serve(guard, request("/any", "POST", **keys))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer.code, read) == (200, stream.length)
    assert peak < 4 * 1024**2


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("end", ["answer", "raise", "threat", "misfit", "too large", "cut short", "stream", "left"])
def test_the_temporary_file_ends_with_the_request(tmp_path: Path, end: str) -> None:
    folder = schema_folder(tmp_path, FILES)
    inputs: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        inputs.append(environ["wsgi.input"])
        if end == "raise":
            raise ValueError
        start_response("200 OK", [PLAIN])
        return iter([b"a", b"b"]) if end in ("stream", "left") else [b"ok"]

    settings = {
        "schemas": str(folder),
        "threats": {"mode": "block"},
        "uploads": {"spool": 1000, "max_file": 100_000 if end == "too large" else 1_000_000},
    }
    guard = Guard(app, {"guard": {"layers": ["validation"]}, "validation": settings})
    name = "<script>alert(1)<%2Fscript>" if end == "threat" else "a.png" if end == "misfit" else "a.bin"
    sent = body(file("f", name, "application/octet-stream", bytes(300_000)))
    stream = io.BytesIO(sent[:200_000] if end == "cut short" else sent)
    keys = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(sent)), "CONTENT_TYPE": MULTIPART}
    before = open_files()
    answer = serve(guard, request("/any", "POST", **keys), leave_after=1 if end == "left" else None)
    wanted = {"raise": 500, "threat": 400, "misfit": 400, "too large": 413, "cut short": 400}
    assert answer.code == wanted.get(end, 200)
    assert open_files() == before
    assert all(each.closed for each in inputs)


def test_a_full_disk_is_an_outage_and_no_pass(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    sent = body(file("f", "a.bin", "application/octet-stream", bytes(600_000)))
    answer = site.post("/any", sent, MULTIPART)
    assert (answer.code, site.calls) == (503, 0)


def test_a_poured_body_is_checked_against_its_length() -> None:
    from wsgi_guard import Refused

    for length, code in ((200_000, 400), (10**7, 413)):
        stream = io.BytesIO(bytes(100_000))
        made = Body(request(method="POST", **{"wsgi.input": stream, "CONTENT_LENGTH": str(length)}))
        with pytest.raises(Refused) as caught:
            made.pour(1_000_000, 1000, len)
        assert caught.value.status == code
        made.close()


@pytest.mark.parametrize(("rest", "left"), [(60_000, 0), (200_000, 200_000)])
def test_a_little_more_is_read_so_that_the_refusal_is_heard(rest: int, left: int) -> None:
    """What a refused client still sends would reset the connection; up to 64 KiB of it are thrown away."""
    stream = io.BytesIO(bytes(STEP + rest))
    made = Body(request(method="POST", **{"wsgi.input": stream, "CONTENT_LENGTH": str(STEP + rest)}))

    def refuse(piece: bytes) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        made.pour(10**6, 1000, refuse)
    made.drain()
    made.close()
    assert len(stream.read()) == left
