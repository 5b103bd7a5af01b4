"""Files are known by what they hold."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.claims import _ACCEPTED, _ALIASES, _SUFFIXES, contradicted, is_path_like
from wsgi_guard.validation.signatures import EMPTY, LOOKED_AT, UNKNOWN, detect


def packed(*names: str, kind: str = "") -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        if kind:
            archive.writestr("mimetype", kind)
        for name in names:
            archive.writestr(name, "x")
    return found.getvalue()


def tar() -> bytes:
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return found.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument."
CASES: list[tuple[bytes, str]] = [
    (b"", EMPTY),
    (b"\0\1\2\3", UNKNOWN),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
    (b"GIF89a\1\0", "image/gif"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0", "image/bmp"),
    (b"II*\0\x08\0", "image/tiff"),
    (b"MM\0*\0\0", "image/tiff"),
    (b"\0\0\1\0\1\0", "image/vnd.microsoft.icon"),
    (b"\0\0\0\x1cftypavif", "image/avif"),
    (b"\0\0\0\x18ftypheic", "image/heic"),
    (b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="...">', "image/svg+xml"),
    (b"<svg onload=alert(1)>", "image/svg+xml"),
    (b"%PDF-1.7\n%", "application/pdf"),
    (packed("a.txt"), "application/zip"),
    (packed("[Content_Types].xml", "word/document.xml"), OFFICE + "wordprocessingml.document"),
    (packed("[Content_Types].xml", "xl/workbook.xml"), OFFICE + "spreadsheetml.sheet"),
    (packed("[Content_Types].xml", "ppt/presentation.xml"), OFFICE + "presentationml.presentation"),
    (packed("content.xml", kind="application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
    (packed("OPS/x", kind="application/epub+zip"), "application/epub+zip"),
    (packed("META-INF/MANIFEST.MF"), "application/java-archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (gzip.compress(b"x"), "application/gzip"),
    (tar(), "application/x-tar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07\0", "application/vnd.rar"),
    (b"BZh91AY&SY", "application/x-bzip2"),
    (b"ID3\x03\0", "audio/mpeg"),
    (b"\xff\xfb\x90\0", "audio/mpeg"),
    (b"\0\0\0\x18ftypmp42", "video/mp4"),
    (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
    (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01B\x82\x84webm", "video/webm"),
    (b"OggS\0\2", "application/ogg"),
    (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
    (b"\x7fELF\2\1\1", "application/x-elf"),
    (b"MZ\x90\0\3" + bytes(60), "application/vnd.microsoft.portable-executable"),
    (b"\xcf\xfa\xed\xfe\7", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe\0\0\0\2", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe\0\0\0\x41", "application/java-vm"),
    (b"#!/bin/sh\n", "text/x-shellscript"),
    (b"\n <!DOCTYPE html><p>", "text/html"),
    (b"<!-- a --><SCRIPT>", "text/html"),
    (b"\xef\xbb\xbf<html>", "text/html"),
    ("<html>".encode("utf-16"), "text/html"),
    (b"hello <?php echo 1;", "application/x-php"),
    (b"<?xml version='1.0'?><a/>", "application/xml"),
    (b' {"a": [1]}', "application/json"),
    (b"[1, 2]", "application/json"),
    (b"{not json}", "text/plain"),
    (b"[link](x)", "text/plain"),
    (b"MZ is a word", "text/plain"),
    (b"BM is a word too", "text/plain"),
    ("é€".encode(), "text/plain"),
    ("é".encode("latin-1"), "text/plain"),
    (b"a<b", "text/plain"),
]


@pytest.mark.parametrize(("head", "kind"), CASES, ids=range(len(CASES)))
def test_types_are_detected(head: bytes, kind: str) -> None:
    assert detect(head, whole=True) == kind
    assert len(CASES) == 56


@given(st.binary(max_size=600) | st.text().map(str.encode), st.booleans())
def test_any_bytes_have_a_type(head: bytes, whole: bool) -> None:
    assert "/" in detect(head, whole=whole)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_claim_is_judged(filename: str, declared: str) -> None:
    assert set(contradicted(filename, declared, "image/png")) <= {"filename", "content_type"}
    assert is_path_like(filename) in (True, False)
    assert contradicted(filename, declared, EMPTY) == ()


def test_the_tables_of_claims_fit_together() -> None:
    """Every suffix and alias leads to a type that something is known of, and each such type can be met."""
    named: set[Any] = set(_SUFFIXES.values()) | set(_ALIASES.values())
    assert {kind for kind in named if kind not in _ACCEPTED} == {"text/plain"}
    assert all(accepted for accepted in _ACCEPTED.values())
    detected = {kind for _, kind in CASES}
    assert len(detected & set().union(*_ACCEPTED.values())) > 35


def test_a_long_document_need_not_end() -> None:
    start = b'{"a": [' + b"1," * LOOKED_AT
    assert detect(start[:LOOKED_AT], whole=False) == "application/json"
    assert detect(start, whole=True) == "text/plain"
