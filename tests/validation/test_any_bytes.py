"""For any bytes at all, with an app that answers 200, the guard answers 2xx to 4xx, in bounded time, and the app reads
what was sent. Requests are good ones, broken at random; the seed is fixed, so what fails once fails again."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path
from time import thread_time
from typing import Any

import pytest

from tests.support.calling import Environ

from .asking import FORM, JSON, Site
from .forms import BOUNDARY, MULTIPART, body, field, file

# All of them in the soak run, a twentieth in the suite.
REQUESTS = 100_000 if os.environ.get("WSGI_GUARD_SOAK") else 5_000
# CPU seconds a request of a few kilobytes may take on a slow machine; usual ones take a thousandth of it.
PATIENCE = 2.0
FILES: dict[str, Any] = {
    "json/POST.json": {
        "properties": {"id": {"type": "integer"}, "note": {"type": "string", "maxLength": 40}, "more": {"$ref": "#"}},
        "required": ["id"],
    },
    "form/POST.form.json": {"properties": {"n": {"type": "number"}, "l": {"type": "array"}}},
    "up/POST.files.json": {"properties": {"f": {"properties": {"size": {"maximum": 500}}}}},
    "up/POST.form.json": {"properties": {"title": {"maxLength": 20}}},
    "query/{id}/GET.query.json": {"properties": {"n": {"type": "integer"}}},
    "query/{id}/GET.path.json": {"properties": {"id": {"type": "integer"}}},
    "query/{id}/GET.cookies.json": {"properties": {"n": {"type": "integer"}}},
    "query/{id}/GET.headers.json": {"properties": {"x-n": {"type": "integer"}}},
}
SEEDS: list[tuple[str, bytes]] = [
    (JSON, json.dumps({"id": 1, "note": "a 'quoted' <b>", "more": {"id": 2, "x": [1.5e3, None, True]}}).encode()),
    (FORM, b"n=1.5&l=a&l=%C3%A9&q=a+b%27c"),
    (MULTIPART, body(field("title", "x"), file("f", "a.png", "image/png", b"\x89PNG\r\n\x1a\n"), field("n", "1"))),
    ("application/x-ndjson", b'{"a": 1}\n{"b": [2]}\n'),
    ("text/plain; charset=utf-16", "some text".encode("utf-16")),
    ("multipart/mixed; boundary=y", b"--y\r\nContent-Type: text/plain\r\n\r\nx\r\n--y--"),
]
PATHS = ["/json", "/form", "/up", "/query/1", "/free", "/up/", "//json", "/x/../json"]
TOKENS = [
    b'"', b"'", b"{", b"}", b"[", b"]", b"\\u", b"\\ud800", b"%", b"%00", b"%27", b"&", b"=", b";", b"\r\n", b"\n",
    b"\0", b"\xff", b"\xef\xbb\xbf", b"1e999", b"NaN", b"9" * 1200, b"--" + BOUNDARY.encode(), b"--",
    b"filename*=utf-8''x",
    b"<script>", b" or 1=1", b"../", b"${", b"/*", b"\\", b"charset=utf-7", b"boundary=", b"\x1f\x8b",
    b"(" * 40, b"[" * 90,
]  # fmt: skip
ENCODINGS = [None, None, None, None, "gzip", "deflate", "br", "gzip, gzip", "identity", "\xff"]
VERBS = ["POST", "POST", "POST", "GET", "PUT", "HEAD", "X", "post", "OPTIONS"]


class Chance:
    """Requests, drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def broken(self, data: bytes) -> bytes:
        """`data` with a few pieces cut out, doubled, replaced or put in."""
        chance = self._random
        for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
            at = chance.randrange(len(data) + 1)
            end = min(len(data), at + chance.choice((0, 1, 3, 30)))
            piece = chance.choice((b"", chance.choice(TOKENS), chance.randbytes(chance.randrange(4)), data[at:end] * 2))
            data = data[:at] + piece + data[end:]
        return data

    def text(self, data: bytes) -> str:
        return self.broken(data).decode("latin-1")

    def request(self) -> tuple[str, str, bytes, dict[str, Any]]:
        chance = self._random
        kind, sent = chance.choice(SEEDS)
        right = {JSON: "/json", FORM: "/form", MULTIPART: "/up"}.get(kind, "/free")
        path = right if chance.random() < 0.5 else self.text(chance.choice(PATHS).encode()) or "/"
        kind = chance.choice((kind, kind, kind, chance.choice(SEEDS)[0], self.text(kind.encode()), ""))
        sent = self.broken(sent)
        encoding = chance.choice(ENCODINGS)
        if encoding == "gzip" and chance.random() < 0.7:
            sent = self.broken(gzip.compress(sent))
        keys: dict[str, Any] = {
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": chance.choice((*[str(len(sent))] * 9, str(len(sent) + 1), "", "x", None)),
            "QUERY_STRING": self.text(b"n=1&q=a%20b"),
            "HTTP_USER_AGENT": self.text(b"Mozilla/5.0 (X11; Linux x86_64)"),
            "HTTP_COOKIE": self.text(b"n=1; sid=abc"),
            "HTTP_REFERER": self.text(b"https://example.org/?q=1"),
            "HTTP_X_N": self.text(b"1"),
            "HTTP_CONTENT_ENCODING": encoding,
            "wsgi.input_terminated": chance.random() < 0.5,
        }
        if chance.random() < 0.2:
            keys["HTTP_TRANSFER_ENCODING"] = "chunked"
        return path, chance.choice(VERBS), sent, keys


class Reader(Site):
    """A site whose app takes a length that is none for no body, as real servers have it."""

    def app(self, environ: Environ, start_response: Any) -> list[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        environ["CONTENT_LENGTH"] = length if length.isascii() and length.isdigit() else "0"
        return super().app(environ, start_response)


SETTINGS: list[dict[str, Any]] = [
    {"threats": {"mode": "block"}},
    {"threats": {"mode": "shadow"}, "inflate": True, "duplicate_keys": "last", "uploads": {"mismatch": "report"}},
    {"threats": {"mode": "block", "beyond": "refuse"}, "uploads": {"max_file": 50, "max_files": 1, "spool": 16}},
    {"threats": {"mode": "off"}, "max_members": 5, "max_depth": 3, "max_string": 10, "max_number": 5, "max_body": 200},
]


@pytest.mark.soak
@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_any_bytes_get_an_answer(tmp_path: Path, number: int) -> None:
    site, chance = Reader(tmp_path, FILES, **SETTINGS[number]), Chance(number)
    codes: dict[int, int] = {}
    for _ in range(REQUESTS // len(SETTINGS)):
        path, verb, sent, keys = chance.request()
        site.calls, start = 0, thread_time()
        answer = site.ask(path, verb, sent, lawful=False, query=keys.pop("QUERY_STRING"), **keys)
        told = (number, path, verb, sent, keys)
        assert thread_time() - start < PATIENCE, told
        assert 200 <= answer.code < 500, told
        assert site.calls == (answer.code == 200), told
        if answer.code == 200 and keys["CONTENT_LENGTH"] == str(len(sent)):
            assert site.body == sent, told
        codes[answer.code] = codes.get(answer.code, 0) + 1
    # A run in which all were refused, or none, would show nothing.
    assert codes[200] > 100 and codes[400] > 20
