"""Ways around an inspection that peers had: each stays closed, with a schema and without one."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import PLAIN, Server, request, serve
from wsgi_guard import Guard

from .asking import FORM, JSON, Audit, Site, schema_folder
from .forms import BOUNDARY, MULTIPART, body, field, file, part

SQL = "1' or '1'='1"
XSS = "<script>alert(1)</script>"
ATTACK = json.dumps({"q": SQL}).encode()
FILES: dict[str, Any] = {
    "orders/POST.json": {"properties": {"id": {"type": "integer"}}, "required": ["id"]},
    "orders/POST.query.json": {"properties": {"id": {"type": "integer"}}},
    "upload/POST.form.json": {"properties": {"title": {"type": "string"}}, "required": ["title"]},
    "upload/POST.files.json": True,
    "items/{id}/POST.json": {"required": ["id"]},
}
BLOCK: dict[str, Any] = {"mode": "block"}


@pytest.fixture
def free() -> Site:
    """No schema, threats are refused."""
    return Site(None, threats=BLOCK)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, FILES, threats=BLOCK)


def unframed(sent: bytes, kind: str, path: str = "/free", **keys: Any) -> Server:
    """A body without a length, on a server whose streams end by themselves."""
    guard = Guard(ok, {"guard": {"layers": ["validation"]}, "validation": {"threats": BLOCK}})
    stream = {"wsgi.input": io.BytesIO(sent), "wsgi.input_terminated": True, "CONTENT_TYPE": kind}
    return serve(guard, request(path, "POST", **stream, **keys))


def ok(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [PLAIN])
    return [environ["wsgi.input"].read()]


BODIES: dict[str, tuple[str, bytes]] = {
    "json": (JSON, ATTACK),
    "form": (FORM, b"q=1%27%20or%20%271%27=%271"),
    "multipart": (MULTIPART, body(field("q", SQL))),
    "text": ("text/plain", XSS.encode()),
    "lines": ("application/x-ndjson", b"1\n" + ATTACK),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_chunked_body_is_scanned(name: str) -> None:
    kind, sent = BODIES[name]
    assert unframed(sent, kind, HTTP_TRANSFER_ENCODING="chunked").code == 403
    assert unframed(b"{}" if kind == JSON else b"", kind, HTTP_TRANSFER_ENCODING="chunked").code == 200
    assert len(BODIES) == 5


@pytest.mark.parametrize("name", BODIES)
def test_a_missing_length_hides_nothing(name: str) -> None:
    kind, sent = BODIES[name]
    assert unframed(sent, kind).code == 403


def test_a_missing_length_is_no_empty_body_for_a_schema(tmp_path: Path) -> None:
    folder = schema_folder(tmp_path, FILES)
    guard = Guard(ok, {"guard": {"layers": ["validation"]}, "validation": {"schemas": str(folder)}})
    keys = {"CONTENT_TYPE": JSON, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b'{"id": "x"}')}
    assert serve(guard, request("/orders", "POST", **keys)).code == 411
    keys["wsgi.input"] = io.BytesIO(b'{"id": "x"}')
    assert serve(guard, request("/orders", "POST", **keys, **{"wsgi.input_terminated": True})).code == 400


WRONG_TYPES = [
    "text/plain", "", "text/html; charset=utf-8", "application/x-json", "text/json", "application/json, text/plain",
    "application/jsonrequest", FORM, "application/x-ndjson", "application/vnd.x+json; a=b", " application/json",
    "APPLICATION/JSON", "multipart/form-data", "multipart/mixed; boundary=x", MULTIPART,
]  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_TYPES)
def test_json_under_a_wrong_type_is_looked_at(free: Site, site: Site, kind: str) -> None:
    assert free.post("/free", ATTACK, kind).code == 403
    assert site.post("/orders", b'{"id": "x"}', kind).code in (400, 415)
    assert len(WRONG_TYPES) == 15


@pytest.mark.parametrize("kind", ["text/plain", "", "text/xml"])
def test_a_form_under_a_wrong_type_is_looked_at(free: Site, kind: str) -> None:
    assert free.post("/free", BODIES["form"][1], kind).code == 403


@pytest.mark.parametrize("gap", [b"", b" ", b"\n", b"\r\n\t", b"\x00", b"\x1e", b","])
def test_a_second_json_document_is_not_left_out(free: Site, site: Site, gap: bytes) -> None:
    assert free.post("/free", b'{"a": 1}' + gap + ATTACK).code == 403
    assert site.post("/orders", b'{"id": 1}' + gap + b'{"id": "x"}').code == 400


@pytest.mark.parametrize("twin", [b'"q": "x"', b'"\\u0071": "x"', b'"q": {"a": 1}'])
def test_duplicate_keys_hide_nothing(tmp_path: Path, free: Site, site: Site, twin: bytes) -> None:
    first, last = b"{" + ATTACK[1:-1] + b", " + twin + b"}", b"{" + twin + b", " + ATTACK[1:-1] + b"}"
    for sent in (first, last):
        assert free.post("/free", sent).code == 403
        assert site.post("/orders", sent[:-1] + b', "id": 1}').code == 400
        lax = Site(tmp_path, FILES, threats=BLOCK, duplicate_keys="last")
        assert lax.post("/orders", sent[:-1] + b', "id": 1}').code == 403


def test_the_last_of_two_keys_counts_where_that_is_set(tmp_path: Path) -> None:
    site = Site(tmp_path, FILES, duplicate_keys="last")
    assert site.post("/orders", b'{"id": "x", "id": 1}').code == 200
    assert site.validated["body"] == {"id": 1}
    assert site.post("/orders", b'{"id": 1, "id": "x"}').code == 400


PATHS = ["//orders", "/./orders", "/x/../orders", "/orders/", "/orders;a=b", "/;x/orders", "/%6frders", "///orders//"]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_written_differently_meets_its_schema(tmp_path: Path, path: str) -> None:
    site = Site(tmp_path, FILES, threats={"mode": "off"})
    assert site.post(path, {"id": "x"}).code == 400
    assert site.post(path, {"id": 1}).code == 200
    assert len(PATHS) == 8


@pytest.mark.parametrize("raw", ["/items/a%2Fb", "/items/a%2fb", "/items%2Fa"])
def test_an_encoded_slash_meets_the_schema_of_either_reading(site: Site, raw: str) -> None:
    decoded = raw.replace("%2F", "/").replace("%2f", "/")
    assert site.post(decoded, {}, RAW_URI=raw).code == 400


def test_a_parameter_split_over_query_and_body_is_put_together(free: Site, site: Site) -> None:
    halves = "q=1%27%20or%20%27", b"q=1%27=%271"
    assert free.ask("/free", "POST", halves[1], query=halves[0], CONTENT_TYPE=FORM).code == 403
    assert free.ask("/free", "POST", body(field("q", "1'='1")), query=halves[0], CONTENT_TYPE=MULTIPART).code == 403
    assert free.post("/free", b"q=1%27%20or%20%27&q=1%27=%271", FORM).code == 403
    # An innocent twin in the query vouches for nothing in the body, nor the other way round.
    assert free.ask("/free", "POST", b"q=" + halves[1], query="q=1", CONTENT_TYPE=FORM).code == 200
    assert free.ask("/free", "POST", BODIES["form"][1], query="q=1", CONTENT_TYPE=FORM).code == 403
    assert site.ask("/orders", "POST", b'{"id": 1}', query="id=x", CONTENT_TYPE=JSON).code == 400


DELIMITER = b"--" + BOUNDARY.encode()
GOOD = body(field("title", "x"), field("q", SQL))
TRICKS: dict[str, tuple[str, bytes]] = {
    "bare line feeds": (MULTIPART, GOOD.replace(b"\r\n", b"\n")),
    "bare carriage returns": (MULTIPART, GOOD.replace(b"\r\n", b"\r")),
    "two boundaries": (f"{MULTIPART}; boundary=x", GOOD),
    "two boundaries, the other first": (f"multipart/form-data; boundary=x; boundary={BOUNDARY}", GOOD),
    "a continued boundary": (f"multipart/form-data; boundary*0={BOUNDARY[:5]}; boundary*1={BOUNDARY[5:]}", GOOD),
    "no boundary": ("multipart/form-data", GOOD),
    "an empty boundary": ("multipart/form-data; boundary=", GOOD),
    "a boundary with a comma": (f"multipart/form-data; boundary={BOUNDARY},x", GOOD),
    "no final boundary": (MULTIPART, GOOD[: -len(DELIMITER) - 6]),
    "cut in the middle": (MULTIPART, GOOD[:-8]),
    "a preamble that is a part": (MULTIPART, field("q", SQL) + b"\r\n" + body(field("title", "x"))),
    "an epilogue": (MULTIPART, body(field("title", "x")) + field("q", SQL)),
    "a second ending": (MULTIPART, body(field("title", "x")) + GOOD),
    "a boundary that goes on": (MULTIPART, body(field("title", "x\r\n" + DELIMITER.decode() + "x\r\n" + XSS))),
    "a boundary behind a line feed": (MULTIPART, body(field("title", b"x\n" + DELIMITER + b"\r\n" + field("q", SQL)))),
    "padding behind the boundary": (MULTIPART, GOOD.replace(DELIMITER + b"\r\n", DELIMITER + b" \r\n")),
    "a folded head": (MULTIPART, body(part('name="title"\r\n\t; filename="x.png"', XSS))),
    "no disposition": (MULTIPART, body(b"Content-Type: text/plain\r\n\r\n" + XSS.encode())),
    "two dispositions": (MULTIPART, body(part('name="title"\r\nContent-Disposition: form-data; name="q"', XSS))),
    "two names": (MULTIPART, body(part('name="title"; name="q"', XSS))),
    "name*": (MULTIPART, body(part("name=\"title\"; name*=utf-8''q", XSS))),
    "a file name in the second spelling alone": (MULTIPART, body(part("name=\"title\"; filename*=utf-8''a.txt", XSS))),
    "two file names": (MULTIPART, body(part("name=\"f\"; filename=\"a.png\"; filename*=utf-8''a.php", XSS))),
    "an escaped quote": (MULTIPART, body(part('name="title\\"; filename=\\"a.png"', XSS))),
    "an open quote": (MULTIPART, body(part('name="title; filename="a.png"', XSS))),
    "a file without a name": (MULTIPART, body(part('name="title"; filename=""', XSS))),
    "a part in base64": (MULTIPART, body(part(
        'name="title"\r\nContent-Transfer-Encoding: base64', "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    ))),
    "nested multipart": (MULTIPART, body(part(
        'name="title"\r\nContent-Type: multipart/mixed; boundary=y', f"--y\r\n\r\n{XSS}\r\n--y--",
    ))),
    "a field that names a charset": (MULTIPART, body(field("_charset_", "utf-7"), field("title", XSS))),
    "an attachment": (MULTIPART, body(field("title", XSS).replace(b"form-data", b"attachment"))),
    "a space before the colon": (MULTIPART, body(field("title", XSS).replace(b":", b" :", 1))),
    "a zero byte in the head": (MULTIPART, body(part('name="title"; filename="a\0.png"', XSS))),
}  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_multipart_that_readers_cut_differently_hides_nothing(
    audit: Audit, free: Site, site: Site, trick: str
) -> None:
    kind, sent = TRICKS[trick]
    assert site.post("/upload", sent, kind).code == 400
    assert free.post("/free", sent, kind).code == 403
    assert ("unscanned", "body") in audit.kinds()
    strict = Site(None, threats={**BLOCK, "beyond": "refuse"})
    assert (strict.post("/free", sent, kind).code, strict.calls) == (400, 0)
    assert len(TRICKS) == 32


def test_names_in_multipart_are_looked_at(free: Site) -> None:
    png = b"\x89PNG\r\n\x1a\n"
    assert free.post("/free", body(file("f", "../../../../etc/passwd", "image/png", png)), MULTIPART).code == 403
    assert free.post("/free", body(file(XSS.replace('"', ""), "a.png", "image/png", png)), MULTIPART).code == 403
    assert free.post("/free", body(field(XSS, "1")), MULTIPART).code == 403
    # What is in a file is not.
    assert free.post("/free", body(file("f", "a.html", "text/html", XSS.encode())), MULTIPART).code == 200


def wide(text: str, charset: str) -> bytes:
    return text.encode(charset)


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "utf-16le", "UTF-16BE", "utf-32", "utf_7", "ibm037"])
def test_a_declared_charset_hides_nothing(free: Site, site: Site, charset: str) -> None:
    name = {"ibm037": "cp037"}.get(charset, charset)
    plain, document = wide(XSS, name), wide(json.dumps({"q": XSS}), name)
    form, quoted = wide(f"q={XSS}", name), b"q=" + b"".join(b"%%%02x" % byte for byte in plain)
    assert free.post("/free", plain, f"text/plain; charset={charset}").code == 403
    assert free.post("/free", document, f"{JSON}; charset={charset}").code == 403
    assert free.post("/free", form, f"{FORM}; charset={charset}").code == 403
    assert free.post("/free", quoted, f"{FORM}; charset={charset}").code == 403
    assert free.post("/free", body(field("q", plain)), f"{MULTIPART}; charset={charset}").code == 403
    assert site.post("/orders", wide('{"id": 1}', name), f"{JSON}; charset={charset}").code == 415


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-32-be"])
def test_json_in_a_charset_that_parsers_guess_is_looked_at(free: Site, site: Site, charset: str) -> None:
    assert free.post("/free", json.dumps({"q": SQL}).encode(charset)).code == 403
    assert site.post("/orders", b'{"id": 1}'.decode().encode(charset)).code == 400


HONEST = (
    "name;city\r\nM\u00fcller;K\u00f6ln\r\n", "hello w\u00f6rld", "\u4f60\u597d, \u4e16\u754c",
    "caf\u00e9 /menu/v1.2/a.php",
)  # fmt: skip


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_honest_text_in_a_wide_charset_is_left_alone(free: Site, charset: str) -> None:
    for text in HONEST:
        assert free.post("/free", text.encode(charset), f"text/plain; charset={charset}").code == 200
        document = json.dumps({"a": text}, ensure_ascii=False)
        assert free.post("/free", document.encode(charset), f"{JSON}; charset={charset}").code == 200
    assert len(HONEST) == 4


def test_a_byte_order_mark_says_it_too(free: Site) -> None:
    note = '<?xml version="1.0" encoding="UTF-16"?><a>b/c.d</a>'
    assert free.post("/free", note.encode("utf-16"), "application/xml").code == 200
    for text in HONEST:
        assert free.post("/free", text.encode("utf-16"), "text/csv").code == 200
        assert free.post("/free", text.encode("utf-32"), "text/csv").code == 200
    assert free.post("/free", XSS.encode("utf-16"), "text/csv").code == 403


def test_wide_text_without_a_mark_is_read_both_ways(free: Site) -> None:
    for name in ("utf-16-le", "utf-16-be"):
        assert free.post("/free", ("\u4f60\u597d " + XSS).encode(name), "text/plain; charset=utf-16").code == 403


def test_a_declared_charset_excuses_no_zero_byte_in_other_text(free: Site) -> None:
    for charset in ("utf-8", "utf-16", "utf-16le", "utf-32", "latin-1"):
        assert free.post("/free", b"upload/shell.php\0.jpg", f"text/plain; charset={charset}").code == 403


def test_a_charset_nobody_knows_is_not_asked_for() -> None:
    from wsgi_guard.validation.charsets import readings

    for charset in ("idna", "punycode", "rot13", "zlib", "os.system", "x" * 10_000, "utf-8", "utf8"):
        assert readings(b"abc", charset) == ["abc"]


def deflated(data: bytes) -> bytes:
    maker = zlib.compressobj(wbits=-15)
    return maker.compress(data) + maker.flush()


ENCODED: dict[str, Any] = {
    "gzip": gzip.compress, "x-gzip": gzip.compress, " GZIP ": gzip.compress, "deflate": zlib.compress,
    "identity, gzip": gzip.compress, "deflate,": deflated,
    "gzip,": lambda data: gzip.compress(b" ") + gzip.compress(data),
}  # fmt: skip


@pytest.mark.parametrize("coding", ENCODED)
def test_an_encoded_body_is_looked_into(tmp_path: Path, free: Site, site: Site, coding: str) -> None:
    encode = ENCODED[coding]
    for kind, sent in BODIES.values():
        assert free.post("/free", encode(sent), kind, HTTP_CONTENT_ENCODING=coding).code == 403
    assert free.post("/free", encode(b'{"a": 1}'), HTTP_CONTENT_ENCODING=coding).code == 200
    assert site.post("/orders", encode(b'{"id": 1}'), HTTP_CONTENT_ENCODING=coding).code == 415
    reading = Site(tmp_path, FILES, inflate=True, threats=BLOCK)
    sent = encode(b'{"id": 1}')
    assert reading.post("/orders", sent, HTTP_CONTENT_ENCODING=coding).code == 200
    assert (reading.validated["body"], reading.body) == ({"id": 1}, sent)
    assert reading.post("/orders", encode(b'{"id": "x"}'), HTTP_CONTENT_ENCODING=coding).code == 400
    assert reading.post("/orders", encode(ATTACK[:-1] + b', "id": 1}'), HTTP_CONTENT_ENCODING=coding).code == 403


def test_a_frame_that_says_it_is_encoded_hides_no_text(free: Site) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(f"&{BODIES['form'][1].decode()}&", "wb", fileobj=packed) as frame:
        frame.write(b"a=1")
    for sent in (packed.getvalue(), gzip.compress(b"a=1") + b"&" + BODIES["form"][1]):
        assert free.post("/free", sent, FORM, HTTP_CONTENT_ENCODING="gzip").code == 403


def zipped(data: bytes) -> bytes:
    """The same bytes at any time: they are part of the names of tests."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("coding", "sent", "code"),
    [
        ("gzip", zipped(b"[" + b" " * 2_000_000 + b"]"), 413),
        ("gzip", zipped(b" " * 900_000), 413),
        ("gzip", zipped(b'{"id": 1}')[:-9], 400),
        ("gzip", zipped(b'{"id": 1}') + b"x", 400),
        ("gzip", zipped(b"") * 65, 400),
        ("gzip", b'{"id": 1}', 400),
        ("deflate", b'{"id": 1}', 400),
        ("deflate", zlib.compress(b'{"id": 1}') + b"x", 400),
        ("gzip, gzip", zipped(zipped(b'{"id": 1}')), 415),
        ("br", b"\x0b\x04\x80", 415),
    ],
)
def test_what_inflates_too_far_or_not_at_all_is_refused(
    tmp_path: Path, audit: Audit, coding: str, sent: bytes, code: int
) -> None:
    site = Site(tmp_path, FILES, inflate=True)
    assert site.post("/orders", sent, HTTP_CONTENT_ENCODING=coding).code == code
    audit.decisions.clear()
    assert site.post("/free", sent, HTTP_CONTENT_ENCODING=coding).code == 200
    assert audit.kinds() == [("unscanned", "body")]
    strict = Site(None, threats={**BLOCK, "beyond": "refuse"})
    assert strict.post("/free", sent, HTTP_CONTENT_ENCODING=coding).code == code


OVERRIDES = {"HTTP_X_HTTP_METHOD_OVERRIDE": "GET", "HTTP_X_METHOD_OVERRIDE": "PUT", "HTTP_X_HTTP_METHOD": "DELETE"}


@pytest.mark.parametrize("header", OVERRIDES)
def test_a_method_override_changes_nothing(free: Site, site: Site, header: str) -> None:
    keys: dict[str, Any] = {header: OVERRIDES[header]}
    assert site.post("/orders", {"id": "x"}, **keys).code == 400
    assert free.post("/free", ATTACK, **keys).code == 403
    assert free.ask("/free", "GET", ATTACK, CONTENT_TYPE=JSON, **keys).code == 403
    assert site.ask("/orders", "POST", b'{"id": "x"}', query="_method=GET", CONTENT_TYPE=JSON, **keys).code == 400


def escaped(text: str, times: int) -> str:
    for _ in range(times):
        text = "".join(f"%{byte:02x}" for byte in text.encode())
    return text


@pytest.mark.parametrize("times", [1, 2, 3])
def test_nested_encodings_hide_nothing(free: Site, times: int) -> None:
    for attack in (SQL, XSS):
        nested = escaped(attack, times)
        assert free.ask("/free", query=f"q={nested}").code == 403
        assert free.post("/free", f"q={nested}".encode(), FORM).code == 403
        assert free.post("/free", {"q": escaped(attack, times - 1)}).code == 403
        assert free.post("/free", body(field("q", escaped(attack, times - 1))), MULTIPART).code == 403


def test_an_overlong_url_hides_nothing(tmp_path: Path) -> None:
    query = "a=" + "x" * 200_000 + "&q=" + escaped(SQL, 1)
    assert Site(None, threats=BLOCK).ask("/free", query=query).code == 403
    limited = Site(None, max_url="8 KiB", threats={"mode": "off"})
    assert (limited.ask("/free", query=query).code, limited.calls) == (414, 0)
    assert limited.ask("/free", query="x" * 8000).code == 200
    assert limited.ask("/free", RAW_URI="/" + "%41" * 3000).code == 414


def test_headers_are_bounded_together() -> None:
    limited = Site(None, max_headers="8 KiB")
    many: dict[str, Any] = {f"HTTP_X_{number}": "x" * 100 for number in range(90)}
    assert (limited.ask("/free", **many).code, limited.calls) == (431, 0)
    assert limited.ask("/free", HTTP_X_A="x" * 8000).code == 200
    assert limited.ask("/free", HTTP_X_A="x" * 9000).code == 431


def test_lengths_are_bounded_by_default_only_where_defaults_are_enforced() -> None:
    for defaults, code in (("shadow", 200), ("enforce", 414)):
        guard = {"layers": ["validation"], "defaults": defaults}
        made = Guard(ok, {"guard": guard, "validation": {"threats": {"mode": "off"}}})
        assert serve(made, request("/", QUERY_STRING="x" * 17_000)).code == code


@pytest.mark.parametrize("kind", ["application/xml", "application/soap+xml; charset=utf-8", "image/svg+xml"])
def test_xml_is_looked_at_between_its_tags(free: Site, kind: str) -> None:
    escaped_xss = XSS.replace("<", "&lt;").replace(">", "&gt;")
    for inside in (f'<a b="{SQL}"/>', f"<a>{SQL}</a>", f"<a><![CDATA[{XSS}]]></a>", f'<a b="{escaped_xss}"/>'):
        assert free.post("/free", f'<?xml version="1.0"?>\n<root>{inside}</root>'.encode(), kind).code == 403
    plain = b'<?xml version="1.0"?><root xmlns:x="urn:a"><name title="O\'Brien">a &lt; b &amp; c</name></root>'
    assert (free.post("/free", plain, kind).code, free.body) == (200, plain)


@pytest.mark.parametrize("unit", ["<", '"', "='", "\n", "> ", "<![CDATA[", "]]", "\"a<'"])
def test_xml_takes_time_by_its_length_alone(unit: str) -> None:
    from time import thread_time

    from wsgi_guard.validation.views import marked_up

    start = thread_time()
    marked_up(unit * (500_000 // len(unit)))
    assert thread_time() - start < 1
