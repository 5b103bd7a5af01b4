"""What the strict reader of multipart takes, every other reader takes the same way, in whatever pieces it comes."""

from __future__ import annotations

import io
import random
from itertools import cycle
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.formparser import MultiPartParser

from wsgi_guard.validation.loose import scraps
from wsgi_guard.validation.media import boundary
from wsgi_guard.validation.multipart import LONGEST_HEAD, Multipart
from wsgi_guard.validation.parse import Malformed
from wsgi_guard.validation.parts import part_of
from wsgi_guard.validation.uploads import Bounds, Gathered

from .forms import BOUNDARY, body, field, file, part

Found = tuple[list[tuple[str, str]], list[tuple[str, str, str, int]]]


def read(data: bytes, cut: str = BOUNDARY, sizes: list[int] | None = None, most: int = 1000) -> Found | str:
    """Fields and files of a body that is fed in pieces of these sizes, in turns, or as a whole; or "malformed"."""
    gathered = Gathered(Bounds())
    reader = Multipart(cut.encode(), gathered, most)
    try:
        if sizes is None:
            reader.whole(data)
        else:
            at, turn = 0, cycle(sizes)
            while at < len(data):
                size = next(turn)
                reader.feed(data[at : at + size])
                at += size
            reader.end()
    except Malformed:
        return "malformed"
    return gathered.fields, [(each.name, each.filename, each.content_type, each.size) for each in gathered.files]


GOOD = body(
    field("a", "1"), field("a", ""), field("b", "line\r\nline\r\n"), file("f", "é.txt", "text/plain", b"--\r\n-" * 9)
)


def test_parts_are_read_as_they_were_sent() -> None:
    assert read(GOOD) == (
        [("a", "1"), ("a", ""), ("b", "line\r\nline\r\n")], [("f", "é.txt", "text/plain", 45)],
    )  # fmt: skip
    assert read(b"\r\n" + GOOD[:-2]) == read(GOOD + b" \r\n\r\n") == read(GOOD)
    assert read(body()) == ([], [])
    assert read(b"") == "malformed"


ALPHABET = [b"--" + BOUNDARY.encode(), b"\r\n", b"\n", b"\r", b"--", b"-", b"x", BOUNDARY.encode()[:9], b"\0"]
NOISE = st.lists(st.sampled_from(ALPHABET), max_size=12).map(b"".join)
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@given(NOISE, st.integers(0, len(GOOD)), st.integers(0, 60), SIZES)
def test_pieces_make_no_difference(noise: bytes, at: int, gone: int, sizes: list[int]) -> None:
    sent = GOOD[:at] + noise + GOOD[at + gone :]
    assert read(sent, sizes=sizes) == read(sent)


@given(NOISE, st.integers(0, len(GOOD)), st.integers(0, 60))
def test_what_is_taken_is_what_werkzeug_takes(noise: bytes, at: int, gone: int) -> None:
    """Werkzeug is lenient: it may take more. What we take must mean the same to it."""
    sent = GOOD[:at] + noise + GOOD[at + gone :]
    ours = read(sent)
    if isinstance(ours, str):
        return
    fields, files = MultiPartParser().parse(io.BytesIO(sent), BOUNDARY.encode(), len(sent))
    theirs = []
    for name, each in files.items(multi=True):
        with each.stream:
            theirs += [(name, len(each.read()))] if each.filename else []
    assert sorted(fields.items(multi=True)) == sorted(ours[0])
    assert sorted(theirs) == sorted((name, size) for name, _, _, size in ours[1])


HEADS: list[tuple[str, Any]] = [
    ('name="a"', ("a", None, "")),
    ("name=a", ("a", None, "")),
    ('name="a"; filename="b c;d=e.png"', ("a", "b c;d=e.png", "")),
    ('name="a";filename=x.png', ("a", "x.png", "")),
    ("name=f; filename=\"a.png\"; filename*=utf-8''a.png", ("f", "a.png", "")),
    ("name=f; filename=\"%e2%82%ac.png\"; filename*=UTF-8''%e2%82%ac.png", ("f", "€.png", "")),
    ("name=f; filename=\"=?utf-8?B?4oKsLnBuZw==?=\"; filename*=utf-8''%e2%82%ac.png", ("f", "€.png", "")),
    ('name="a%22b"', ("a%22b", None, "")),
    ('name="a"\r\nContent-Type: text/plain; charset=UTF-8', ("a", None, "text/plain; charset=UTF-8")),
    ('name="a"\r\ncontent-transfer-encoding: 8bit\r\nX-Other: 1', ("a", None, "")),
    ('name="a"\r\nContent-Type: text/plain; charset=utf-7', None),
    ('name="a"\r\nContent-Type: nonsense', None),
    ('name="a"\r\nContent-Encoding: gzip', None),
    ('name="a"\r\nContent-Transfer-Encoding: quoted-printable', None),
    ('name="a', None),
    ("name='a'", ("'a'", None, "")),
    ('name="a"b', None),
    ('name = "a"', None),
    ('NAME="a"', ("a", None, "")),
    ('filename="a"', None),
    ('name="a";; filename="b"', None),
    ("name*0=a", None),
    ("name=f; filename=\"a\"; filename*=latin-1''a", None),
    ("name=f; filename=\"a\"; filename*=utf-8''%ff", None),
    ('name="a"\r\n b', None),
    ('name="a"\r\nNo colon', None),
]  # fmt: skip


@pytest.mark.parametrize(("head", "wanted"), HEADS, ids=range(len(HEADS)))
def test_heads_of_parts(head: str, wanted: Any) -> None:
    data = f"Content-Disposition: form-data; {head}".encode()
    if wanted is None:
        with pytest.raises(Malformed):
            part_of(data)
    else:
        assert part_of(data) == wanted
    assert len(HEADS) == 26


BOUNDARIES = [
    ("multipart/form-data; boundary=abc", b"abc"),
    ('multipart/form-data; charset=utf-8; Boundary="a b,c"', b"a b,c"),
    ("multipart/form-data;boundary=a=b", b"a=b"),
    ("multipart/form-data; boundary=" + "x" * 70, b"x" * 70),
    ("multipart/form-data; boundary=" + "x" * 71, None),
    ("multipart/form-data", None),
    ("multipart/form-data; boundary=", None),
    ('multipart/form-data; boundary=""', None),
    ('multipart/form-data; boundary="a "', None),
    ("multipart/form-data; boundary =a", None),
    ("multipart/form-data; boundary= a", None),
    ("multipart/form-data; boundary=a b", None),
    ("multipart/form-data; boundary=a,b", None),
    ("multipart/form-data; boundary='a'", b"'a'"),
    ("multipart/form-data; boundary=a; boundary=a", None),
    ("multipart/form-data; boundary*=utf-8''a", None),
    ("multipart/form-data; boundary=\u00e4", None),
]


@pytest.mark.parametrize(("header", "wanted"), BOUNDARIES, ids=range(len(BOUNDARIES)))
def test_boundaries(header: str, wanted: bytes | None) -> None:
    if wanted is None:
        with pytest.raises(Malformed):
            boundary(header)
    else:
        assert boundary(header) == wanted
    assert len(BOUNDARIES) == 17


def test_heads_and_parts_are_bounded() -> None:
    long = part('name="a"\r\nX: ' + "x" * LONGEST_HEAD)
    assert read(body(long)) == read(body(long), sizes=[7]) == "malformed"
    assert read(body(*[field("a", "1")] * 10), most=10) != "malformed"
    assert read(body(*[field("a", "1")] * 11), most=10) == "malformed"


def crafted(size: int) -> list[bytes]:
    """Bodies made to cost time: nearly delimiters, many parts, many lines, heads that never end."""
    unit = body(field("a", ""))
    return [
        body(file("f", "a", "text/plain", (b"\r\n--" + BOUNDARY.encode()[:-1]) * (size // 20))),
        body(*[field("a", "")] * (size // 80)),
        body(file("f", "a", "text/plain", b"\r\n" * (size // 2))),
        b"--" + BOUNDARY.encode() + b"\r\n" + b"a: b\r\n" * (size // 6),
        unit * (size // len(unit)),
        b"--" * (size // 2),
        b'="' * (size // 2),
        b"\r\n\r" * (size // 3),
        random.Random(1).randbytes(size),
    ]


@pytest.mark.parametrize("number", range(9))
def test_time_grows_with_the_length_alone(number: int) -> None:
    header = f"multipart/form-data; boundary={BOUNDARY}; boundary=-; boundary=a"
    start = thread_time()
    data = crafted(1_000_000)[number]
    read(data, most=10**6)
    sum(map(len, scraps(data, header)))
    assert thread_time() - start < 3
    assert len(crafted(100)) == 9
