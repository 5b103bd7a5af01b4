"""The request body: bounded, read once, and the app reads every byte of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request

from tests.support.calling import ANSWER, PLAIN, Environ, request, serve
from wsgi_guard import Guard, Refused, current
from wsgi_guard.body import STEP, Body, Replay

CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked"}
ENDS = {"wsgi.input_terminated": True}


class Wire:
    """A server's stream that gives pieces as they come, and hangs where a real one would wait for more."""

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self.pieces = list(pieces)
        self.ends = ends
        self.sizes: list[int] = []

    def read(self, size: int = -1) -> bytes:
        self.sizes.append(size)
        if size < 0:
            assert self.ends, "a read without a size waits for ever on some servers"
            data, self.pieces = b"".join(self.pieces), []
            return data
        while self.pieces and not self.pieces[0]:
            del self.pieces[0]
        if not self.pieces:
            assert self.ends or size == 0, "read beyond the body: this would wait for ever"
            return b""
        piece, self.pieces[0] = self.pieces[0][:size], self.pieces[0][size:]
        return piece


def body_of(stream: Any, length: Any = None, **keys: Any) -> tuple[Body, Environ]:
    environ = request(method="POST", **{"wsgi.input": stream, "CONTENT_LENGTH": length, **keys})
    return Body(environ), environ


def status(read: Any, *args: Any) -> int:
    with pytest.raises(Refused) as caught:
        read(*args)
    return caught.value.status


# lengths


@pytest.mark.parametrize(
    ("text", "length"),
    [(None, None), ("", None), ("0", 0), ("5", 5), ("0005", 5), ("9" * 18, int("9" * 18))],
)
def test_announced_length_is_read(text: str | None, length: int | None) -> None:
    assert body_of(Wire(), text)[0].length == length


BAD = ["-1", "+5", " 5", "5 ", "5.0", "0x5", "5, 5", "five", "\u00b2", "\u0665", "1" * 19, "9" * 5000, 5, b"5", "5\n"]


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text)[:20])
def test_malformed_length_is_400(text: Any) -> None:
    for ask in ("length", "present"):
        body, _ = body_of(Wire(b"abcde"), text)
        assert status(lambda body=body, ask=ask: getattr(body, ask)) == 400
    body, _ = body_of(Wire(b"abcde"), text)
    assert status(body.read, 100) == status(body.read_within, 100) == 400
    body.drain()


@pytest.mark.parametrize(
    ("method", "length", "keys", "present"),
    [
        ("GET", None, {}, False),
        ("GET", None, ENDS, False),
        ("GET", "5", {}, True),
        ("GET", None, CHUNKED, True),
        ("POST", None, {}, False),
        ("POST", "0", {}, False),
        ("POST", "0", ENDS, False),
        ("POST", "0", CHUNKED, True),
        ("POST", None, CHUNKED, True),
        # HTTP/2 needs no length.
        ("POST", None, ENDS, True),
        ("DELETE", None, ENDS, True),
        ("OPTIONS", None, ENDS, False),
        (None, None, ENDS, True),
    ],
)
def test_presence_of_a_body(method: str | None, length: str | None, keys: Any, present: bool) -> None:
    body, _ = body_of(Wire(ends=False), length, **keys, REQUEST_METHOD=method)
    assert body.present is present


# reading


@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"], [b"h", b"e", b"l", b"l", b"o"], [b"hello", b"next"]])
def test_body_with_length_is_read_exactly(pieces: list[bytes]) -> None:
    stream = Wire(*pieces, ends=False)
    body, environ = body_of(stream, "5")
    assert body.read(100) == b"hello"
    assert environ["wsgi.input"].read() == b"hello"
    assert b"".join(stream.pieces) == b"".join(pieces)[5:]
    assert environ["CONTENT_LENGTH"] == "5"


def test_body_is_read_once() -> None:
    stream = Wire(b"hello", ends=False)
    body, environ = body_of(stream, "5")
    assert body.read(100) is body.read(50) is body.read_within(5)
    assert len(stream.sizes) == 1
    assert environ["wsgi.input"].read(2) == b"he"
    assert body.read(100) == b"hello"
    assert body.read_within(4) is None
    assert status(body.read, 4) == 413


def test_body_of_nothing_is_not_read() -> None:
    for length, keys in ((None, {}), ("", {}), ("0", {}), ("0", ENDS)):
        stream = Wire(ends=False)
        body, environ = body_of(stream, length, **keys)
        assert body.read(100) == body.read_within(100) == b""
        assert environ["wsgi.input"] is stream
        assert stream.sizes == []


def test_body_over_the_limit_is_left_alone() -> None:
    stream = Wire(b"hello", ends=False)
    body, environ = body_of(stream, "5")
    assert body.read_within(4) is None
    assert status(body.read, 4) == 413
    assert (environ["wsgi.input"], stream.sizes) == (stream, [])
    assert body.read(5) == b"hello"


@pytest.mark.parametrize("pieces", [[], [b"hel"], [b"h", b"e"]])
def test_body_cut_short_is_400(pieces: list[bytes]) -> None:
    assert status(body_of(Wire(*pieces), "5")[0].read, 100) == 400
    assert status(body_of(Wire(*pieces), "5")[0].read_within, 100) == 400


def test_chunked_body_is_read_to_its_end() -> None:
    stream = Wire(b"he", b"", b"llo")
    body, environ = body_of(stream, **CHUNKED, **ENDS)
    assert body.length is None
    assert body.read(5) == b"hello"
    assert environ["wsgi.input"].read() == b"hello"
    assert environ["wsgi.input_terminated"] is True
    assert "CONTENT_LENGTH" not in environ


def test_body_without_length_or_end_is_411() -> None:
    for length in (None, "", "0"):
        stream = Wire(b"hello", ends=False)
        body, environ = body_of(stream, length, **CHUNKED)
        assert body.read_within(100) is None
        assert status(body.read, 100) == 411
        assert (environ["wsgi.input"], stream.sizes) == (stream, [])


def test_length_beside_chunks_must_be_true() -> None:
    """Two lengths for one message: what is checked here and what the app reads must not differ (RFC 9112, 6.3)."""
    assert body_of(Wire(b"hello"), "5", **CHUNKED, **ENDS)[0].read(100) == b"hello"
    for length in ("4", "6", "0"):
        assert status(body_of(Wire(b"hello"), length, **CHUNKED, **ENDS)[0].read, 100) == 400
    # A server that leaves the header and decodes nothing: the app reads as many bytes as were announced.
    stream = Wire(b"5\r\nhello\r\n0\r\n\r\n", ends=False)
    assert body_of(stream, "3", **CHUNKED)[0].read(100) == b"5\r\n"


@pytest.mark.parametrize("size", [6, 1000, STEP * 3])
def test_long_chunked_body_reaches_the_app_whole(size: int) -> None:
    sent = bytes(range(256)) * (size // 256 + 1)
    stream = Wire(*(sent[at : at + 1000] for at in range(0, len(sent), 1000)))
    body, environ = body_of(stream, **CHUNKED, **ENDS)
    assert body.read_within(5) is None
    assert sum(stream.sizes) <= 20
    read = environ["wsgi.input"].read
    assert b"".join(iter(lambda: read(4096), b"")) == sent


def test_long_chunked_body_is_413_and_kept() -> None:
    body, environ = body_of(Wire(b"hello", b" world"), **CHUNKED, **ENDS)
    assert status(body.read, 5) == 413
    assert environ["wsgi.input"].read(100) == b"hello world"


def test_larger_limit_may_follow_a_smaller() -> None:
    body, environ = body_of(Wire(b"hello", b" world"), **CHUNKED, **ENDS)
    assert body.read_within(5) is None
    assert body.read_within(7) is None
    assert body.read(100) == b"hello world"
    assert environ["wsgi.input"].read() == b"hello world"


def test_announcement_alone_takes_no_memory() -> None:
    stream = Wire(b"hello")
    assert status(body_of(stream, "9" * 12)[0].read, 10**15) == 400
    assert max(stream.sizes) <= STEP


@pytest.mark.parametrize("answer", ["text", None, b"more than was asked for" * 10, bytearray(b"a"), 5], ids=repr)
def test_lying_stream_is_the_servers_error(answer: Any) -> None:
    class Lying:
        def read(self, size: int) -> Any:
            return answer

    with pytest.raises(TypeError, match="must return"):
        body_of(Lying(), "5")[0].read(100)


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("chunk"), EOFError(), StopIteration()], ids=repr)
def test_broken_stream_is_400(error: Exception) -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise error

    body, _ = body_of(Broken(), "5")
    assert status(body.read, 100) == 400
    body.drain()


def test_leaving_while_reading_passes() -> None:
    class Leaving:
        def read(self, size: int) -> bytes:
            raise SystemExit(1)

    with pytest.raises(SystemExit):
        body_of(Leaving(), "5")[0].read(100)


# the replayed stream

Step = tuple[str, int | None]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["read", "readline", "readlines", "next"]),
        st.one_of(st.none(), st.integers(-1, 12)),
    ),
    max_size=12,
)


def run(stream: Any, steps: list[Step]) -> Iterator[Any]:
    for name, size in steps:
        if name == "next":
            yield next(stream, None)
        elif size is None:
            yield getattr(stream, name)()
        else:
            yield getattr(stream, name)(size)
    yield stream.read()


@given(st.binary(max_size=30), st.binary(max_size=30), STEPS)
def test_replay_reads_as_one_stream(head: bytes, rest: bytes, steps: list[Step]) -> None:
    replay = Replay(head, io.BytesIO(rest))
    assert list(run(replay, steps)) == list(run(io.BytesIO(head + rest), steps))


@given(st.text("ab\n", max_size=20), st.text("ab\n", max_size=20), STEPS)
def test_replay_reads_lines_as_one_stream(head: str, rest: str, steps: list[Step]) -> None:
    replay = Replay(head.encode(), io.BytesIO(rest.encode()))
    assert list(run(replay, steps)) == list(run(io.BytesIO((head + rest).encode()), steps))


@given(st.lists(st.binary(max_size=20), max_size=8), st.integers(0, 60), st.lists(st.integers(0, 25), max_size=10))
def test_any_chunking_gives_identical_bytes(pieces: list[bytes], limit: int, sizes: list[int]) -> None:
    sent = b"".join(pieces)
    for length, keys in ((str(len(sent)), {}), (None, {**CHUNKED, **ENDS}), (str(len(sent)), {**CHUNKED, **ENDS})):
        body, environ = body_of(Wire(*pieces, ends=bool(keys)), length, **keys)
        found = body.read_within(limit)
        assert found == (sent if len(sent) <= limit else None)
        left, read = len(sent), []
        for size in (*sizes, *[7] * 30):
            read.append(environ["wsgi.input"].read(min(size, left)))
            left -= len(read[-1])
        assert b"".join(read) == sent


def test_size_is_passed_on_as_it_came() -> None:
    """wsgiref's validator refuses a read without a size only when the app makes one."""
    asked: list[Any] = []

    class Asked:
        def read(self, *size: Any) -> bytes:
            asked.append(size)
            return b""

    Replay(b"ab", Asked()).read()
    Replay(b"ab", Asked()).read(-1)
    Replay(b"ab", Asked()).read(None)
    Replay(b"ab", Asked()).read(5)
    Replay(b"ab", Asked()).read(2)
    assert asked == [(), (-1,), (None,), (3,)]


# in a guard


@pytest.mark.parametrize("limit", [3, 100])
def test_frameworks_read_a_replayed_chunked_body(limit: int) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        facts = current()
        assert facts is not None
        facts.body.read_within(limit)
        start_response("200 OK", [PLAIN])
        return [Request(environ).get_data()]

    environ = request(method="POST", **{"wsgi.input": Wire(b"he", b"llo"), **CHUNKED, **ENDS})
    assert serve(Guard(app, ANSWER), environ).body == b"hello"


@pytest.mark.parametrize(
    ("length", "keys", "limit", "code"),
    [("5", {}, 5, 200), ("5", {}, 4, 413), ("6", {}, 100, 400), ("-5", {}, 100, 400), (None, CHUNKED, 100, 411)],
)
def test_refused_bodies_become_answers(length: str | None, keys: Any, limit: int, code: int) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        facts = current()
        assert facts is not None
        facts.body.read(limit)
        start_response("200 OK", [PLAIN])
        return []

    environ = request(method="POST", **{"wsgi.input": Wire(b"hello"), "CONTENT_LENGTH": length, **keys})
    assert serve(Guard(app, ANSWER), environ).code == code
