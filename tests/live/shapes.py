"""Responses of every shape that PEP 3333 allows, and some that it does not."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

from .events import pass_gate, tell
from .routing import PLAIN, Environ, query, route


@route("/list")
def one_chunk(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return [b"hello"]


@route("/list-with-length")
def one_chunk_with_length(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    return [b"hello"]


@route("/chunks")
def two_chunks(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return [b"hello", b"", b"world"]


@route("/tuple")
def a_tuple(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return (b"hello",)


@route("/nothing")
def no_chunk(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return []


@route("/empty")
def empty_chunk(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "0")])
    return [b""]


@route("/no-content")
def no_content(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("204 No Content", [("X-App", "yes")])
    return []


@route("/not-modified")
def not_modified(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("304 Not Modified", [("ETag", '"a"')])
    return []


@route("/odd-status")
def odd_status(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("299 As you like  it", [PLAIN])
    return [b"hello"]


@route("/status-without-reason")
def status_without_reason(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 ", [PLAIN])
    return [b"hello"]


@route("/no-type")
def no_type(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@route("/repeated-headers")
def repeated_headers(environ: Environ, start_response: Any) -> Iterable[bytes]:
    cookies = [("Set-Cookie", f"c{n}={n}") for n in (3, 1, 2)]
    start_response("200 OK", [("x-lower", "1"), cookies[0], PLAIN, *cookies[1:], ("Vary", "a"), ("Vary", "b")])
    return [b"hello"]


@route("/keyword-exc-info")
def keyword_exc_info(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN], exc_info=None)
    return [b"hello"]


@route("/generator")
def generator(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """`start_response` is called at the first `next()`, then three chunks, the gate before the second."""
    token = query(environ, "token")
    start_response("200 OK", [PLAIN])
    try:
        yield b"first"
        pass_gate(query(environ, "gate"))
        tell(token, "second chunk")
        yield b"second"
        yield b"third"
    finally:
        tell(token, "close")


@route("/generator-with-length")
def generator_with_length(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "11")])
    return (chunk for chunk in (b"first", b"second"))


class Chunks:
    """An iterator that counts how often it is closed, with an error where it is told to have one."""

    def __init__(self, environ: Environ, chunks: Iterable[bytes], *, fail: str = "") -> None:
        self._token = query(environ, "token")
        self._gate = query(environ, "gate")
        self._chunks = iter(chunks)
        self._fail = fail
        self._given = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._fail == f"chunk {self._given}":
            raise ValueError("the app fails here on purpose")
        if self._given == 1:
            pass_gate(self._gate)
        self._given += 1
        return next(self._chunks)

    def close(self) -> None:
        tell(self._token, "close", given=self._given)
        if self._fail == "close":
            raise ValueError("the app fails in close() on purpose")


class Measured(Chunks):
    def __len__(self) -> int:
        return 1


@route("/iterator")
def iterator(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return Chunks(environ, [b"first", b"second"])


@route("/iterator-with-length")
def iterator_with_length(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "11")])
    return Chunks(environ, [b"first", b"second"])


@route("/iterator-of-one")
def iterator_of_one(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return Measured(environ, [b"first"])


@route("/iterator-no-content")
def iterator_no_content(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return Chunks(environ, [])


@route("/endless")
def endless(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """A quarter of a gigabyte: no socket buffer takes it, a client that leaves is noticed."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return Chunks(environ, (bytes(65536) for _ in range(4096)))


@route("/download")
def download(environ: Environ, start_response: Any) -> Iterable[bytes]:
    size = 64 * 1024 * 1024
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))])
    return Chunks(environ, (bytes(65536) for _ in range(size // 65536)))


@route("/write")
def write(environ: Environ, start_response: Any) -> Iterable[bytes]:
    send = start_response("200 OK", [PLAIN])
    send(b"written ")
    pass_gate(query(environ, "gate"))
    send(b"twice ")
    return [b"and returned"]


@route("/write-only")
def write_only(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "7")])(b"written")
    return []


@route("/second-thoughts")
def second_thoughts(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """The first answer is replaced before a byte of it has left."""
    start_response("200 OK", [PLAIN, ("X-First", "yes")])
    try:
        raise ValueError("the app fails here on purpose")
    except ValueError:
        start_response("503 Sorry", [PLAIN, ("X-Second", "yes")], sys.exc_info())
    return [b"sorry"]


@route("/late-second-thoughts")
def late_second_thoughts(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """`start_response` with exc_info after a byte has left must raise what it was given."""
    start_response("200 OK", [PLAIN])
    try:
        yield b"first"
        try:
            raise ValueError("the app fails here on purpose")
        except ValueError as error:
            try:
                start_response("500 Sorry", [PLAIN], sys.exc_info())
            except ValueError as again:
                tell(query(environ, "token"), "raised again", same=again is error)
                raise
        yield b"never"
    finally:
        tell(query(environ, "token"), "close")


@route("/raises")
def raises(environ: Environ, start_response: Any) -> Iterable[bytes]:
    raise ValueError("the app fails here on purpose")


@route("/raises-after-start")
def raises_after_start(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    raise ValueError("the app fails here on purpose")


@route("/raises-at-first-chunk")
def raises_at_first_chunk(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "5"), ("X-First", "yes")])
    return Chunks(environ, [b"first"], fail="chunk 0")


@route("/raises-between-chunks")
def raises_between_chunks(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "11")])
    return Chunks(environ, [b"first", b"second"], fail="chunk 1")


@route("/raises-at-the-end")
def raises_at_the_end(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    return Chunks(environ, [b"first"], fail="chunk 1")


@route("/raises-in-close")
def raises_in_close(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    return Chunks(environ, [b"first"], fail="close")


@route("/starts-twice")
def starts_twice(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    start_response("200 OK", [PLAIN])
    return [b"hello"]


class Watched(io.FileIO):
    """A file that tells when somebody reads it: sendfile does not."""

    token = ""

    def read(self, size: int | None = -1) -> bytes:
        tell(self.token, "read")
        return super().read(-1 if size is None else size)

    def close(self) -> None:
        if not self.closed:
            tell(self.token, "close")
        super().close()


FILE_SIZE = 300_000


def make_file(environ: Environ) -> Watched:
    descriptor, name = tempfile.mkstemp()
    os.write(descriptor, bytes(range(250)) * (FILE_SIZE // 250))
    os.close(descriptor)
    file = Watched(name, "rb")
    os.unlink(name)
    file.token = query(environ, "token")
    return file


def wrapped(environ: Environ, file: Any) -> Iterable[bytes]:
    """The file in the server's wrapper, in an ordinary one where the server has none."""
    result: Iterable[bytes] = environ.get("wsgi.file_wrapper", FileWrapper)(file, 65536)
    return result


@route("/file")
def file(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return wrapped(environ, make_file(environ))


@route("/file-with-length")
def file_with_length(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(FILE_SIZE))])
    return wrapped(environ, make_file(environ))


@route("/file-in-memory")
def file_in_memory(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return wrapped(environ, io.BytesIO(b"in memory"))


@route("/file-bare")
def file_bare(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """A file object itself as the iterable, lines as chunks."""
    start_response("200 OK", [PLAIN])
    return io.BytesIO(b"one\ntwo\n")
