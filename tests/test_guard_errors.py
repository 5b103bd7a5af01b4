"""What an exception of the app becomes, whenever it comes, on servers of three kinds."""

from __future__ import annotations

import io
import json
import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler

import gevent
import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response

from tests.support.calling import ANSWER, PLAIN, RAISE, App, Environ, Server, request, serve
from wsgi_guard import Guard, Outage, Refused, current

LENGTH = ("Content-Length", "100")


class Boom(Exception):
    """The app's own."""


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "error_id" in record.getMessage()]


# servers: what the client gets of an app, as status line, headers and body


def strict(app: App, environ: Environ) -> tuple[str, dict[str, str], bytes]:
    server = serve(app, environ)
    if server.error is not None:
        raise server.error
    return server.status, dict(server.headers), server.body


def parsed(answer: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    assert len(dict(headers)) == len(headers)
    return status.partition(" ")[2], dict(headers), body


class Handler(SimpleHandler):
    error_status = "599 By The Server"


def by_wsgiref(app: App, environ: Environ) -> tuple[str, dict[str, str], bytes]:
    out = io.BytesIO()
    handler = Handler(io.BytesIO(), out, io.StringIO(), environ, multithread=False, multiprocess=False)
    handler.run(app)
    return parsed(b"HTTP/1.1 " + out.getvalue().partition(b" ")[2])


def by_gunicorn(app: App, environ: Environ) -> tuple[str, dict[str, str], bytes]:
    """The response class of gunicorn, driven as its sync worker does."""
    here, there = socket.socketpair()
    with here, there:
        config = Config()
        asked = Request.__new__(Request)
        asked.version, asked.method = (1, 1), environ["REQUEST_METHOD"]
        asked.should_close = lambda: True
        asked._expected_100_continue = False
        response = Response(asked, here, config)
        result = app(environ, response.start_response)
        try:
            for chunk in result:
                response.write(chunk)
            response.close()
        finally:
            if hasattr(result, "close"):
                result.close()
        here.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: there.recv(65536), b""))
    status, headers, body = parsed(answer)
    if headers.get("Transfer-Encoding") == "chunked":
        body = b"".join(body.split(b"\r\n")[1:-2:2])
    return status, headers, body


SERVERS = [strict, by_wsgiref, by_gunicorn]


def at_once(environ: Environ, start_response: Any) -> Iterable[bytes]:
    raise Boom("secret text")


def after_start(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, LENGTH, ("X-App", "1")])
    raise Boom("secret text")


def generator_before_start(environ: Environ, start_response: Any) -> Iterator[bytes]:
    yield from at_once(environ, start_response)


def generator_after_start(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [PLAIN, LENGTH, ("X-App", "1")])
    yield from at_once(environ, start_response)


def first_chunk(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, LENGTH, ("X-App", "1")])

    def body() -> Iterator[bytes]:
        yield from at_once(environ, start_response)

    return body()


class NoIteration:
    def __iter__(self) -> Iterator[bytes]:
        raise Boom("secret text")


def iter_raises(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, LENGTH, ("X-App", "1")])
    return NoIteration()


def nothing_returned(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [PLAIN, LENGTH, ("X-App", "1")])


BEFORE_A_BYTE = [at_once, after_start, generator_before_start, generator_after_start, first_chunk, iter_raises,
                 nothing_returned]  # fmt: skip


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("app", BEFORE_A_BYTE)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_error_before_a_byte_is_500(app: App, by: Any, method: str, caplog: pytest.LogCaptureFixture) -> None:
    status, headers, body = by(Guard(app, ANSWER), request(method=method))
    assert status == "500 Internal Server Error"
    assert headers["Content-Type"] == "application/problem+json"
    assert "X-App" not in headers
    if method == "GET":
        document = json.loads(body)
        assert document["error_id"] == headers["X-Error-ID"]
        assert document["request_id"] == headers["X-Request-ID"]
        assert int(headers["Content-Length"]) == len(body)
        assert b"secret" not in body
    else:
        assert body == b""
    assert len(events(caplog)) == 1
    assert headers["X-Error-ID"] in events(caplog)[0]


def between_chunks(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [PLAIN])
    yield b"a"
    raise Boom("secret text")


def after_write(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])(b"a")
    raise Boom("secret text")


class Falling:
    """An iterator of the app's own without `close`."""

    def __init__(self) -> None:
        self.at = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.at += 1
        if self.at > 1:
            raise Boom("secret text")
        return b"a"


def iterator_between_chunks(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return Falling()


@pytest.mark.parametrize("settings", [RAISE, ANSWER], ids=["thin", "full"])
@pytest.mark.parametrize("app", [between_chunks, after_write, iterator_between_chunks])
def test_error_after_a_byte_is_raised(app: App, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(Guard(app, settings))
    assert type(server.error) is Boom
    assert (server.status, server.body) == ("200 OK", b"a")
    assert len(events(caplog)) == 1


@pytest.mark.parametrize("app", [*BEFORE_A_BYTE[:-1], between_chunks, after_write])
def test_error_is_the_servers_when_told_so(app: App, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(Guard(app, RAISE))
    assert type(server.error) is Boom
    assert len(server.heads) <= 1
    assert len(events(caplog)) == 1


def test_error_in_close_is_captured_and_passes(caplog: pytest.LogCaptureFixture) -> None:
    class Body(io.BytesIO):
        def close(self) -> None:
            if not self.closed:
                super().close()
                raise Boom("secret text")

    def streams(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN])
        try:
            yield b"a"
        finally:
            raise Boom("secret text")

    def file(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        return Body(b"a")

    for app in (streams, file):
        caplog.clear()
        server = serve(Guard(app, ANSWER), leave_after=1)
        assert type(server.error) is Boom
        assert server.status == "200 OK"
        assert len(events(caplog)) == 1


@pytest.mark.parametrize(
    "leaving", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), gevent.GreenletExit()], ids=repr
)
def test_leaving_passes_and_is_no_event(leaving: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    def at_call(environ: Environ, start_response: Any) -> Iterable[bytes]:
        raise leaving

    def midway(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        yield b""
        raise leaving

    for app in (at_call, midway):
        server = serve(Guard(app, ANSWER))
        assert server.error is leaving
        assert events(caplog) == []


def test_stop_iteration_of_the_call_passes(caplog: pytest.LogCaptureFixture) -> None:
    """How an app under gunicorn says that it took the socket over."""

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        raise StopIteration

    assert type(serve(Guard(app, ANSWER)).error) is StopIteration
    assert events(caplog) == []


@pytest.mark.parametrize("settings", [RAISE, ANSWER], ids=["thin", "full"])
@pytest.mark.parametrize("refused", [Refused(402, "pay first"), Outage("pool 'main'", retry_after=7)], ids=repr)
def test_refusal_becomes_its_answer(refused: Refused, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    def called(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        raise refused

    def streamed(environ: Environ, start_response: Any) -> Iterable[bytes]:
        yield from called(environ, lambda *head: None)

    for app in (called, streamed):
        server = serve(Guard(app, settings))
        assert (server.error, server.code) == (None, refused.status)
        assert json.loads(server.body)["detail"] == refused.detail
        assert server.header("Retry-After") == dict(refused.headers).get("Retry-After")


def test_error_page_of_the_app_stays_and_is_an_event(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        try:
            raise Boom("secret text")
        except Boom as error:
            start_response("500 Oh No", [PLAIN], (Boom, error, error.__traceback__))
        return [b"sorry"]

    server = serve(Guard(app, ANSWER))
    assert (server.status, server.body) == ("500 Oh No", b"sorry")
    assert str(server.header("X-Error-ID")) in events(caplog)[0]


def test_servers_own_error_is_unchanged() -> None:
    class Picky(Server):
        def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
            raise ValueError(f"no {status} here")

    closed = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(1)

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        return Body()

    for settings in (RAISE, ANSWER):
        closed.clear()
        server = Picky().serve(Guard(app, settings))
        assert type(server.error) is ValueError
        assert closed == [1]


def test_error_in_error_is_chained_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        try:
            raise KeyError("first")
        except KeyError:
            raise Boom("second") from None

    assert serve(Guard(app, ANSWER)).code == 500
    assert len(events(caplog)) == 1


def test_threads_do_not_mix_requests() -> None:
    guard = Guard(lambda environ, start_response: slow(environ, start_response), ANSWER)
    barrier = threading.Barrier(8)

    def slow(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN, ("X-N", environ["n"])])
        barrier.wait(10)
        facts = current()
        assert facts is not None
        assert facts.environ is environ
        if int(environ["n"]) % 2:
            raise Boom(environ["n"])
        return [environ["n"].encode()]

    answers: dict[int, Server] = {}

    def run(number: int) -> None:
        answers[number] = serve(guard, request(n=str(number)))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for number, server in answers.items():
        if number % 2:
            assert server.code == 500
        else:
            assert (server.header("X-N"), server.body) == (str(number), str(number).encode())
    assert len({server.header("X-Request-ID") for server in answers.values()}) == 8


def test_error_keeps_no_request_alive() -> None:
    import gc
    import weakref

    class Token:
        pass

    logging.getLogger("wsgi_guard").setLevel(logging.CRITICAL + 1)
    gc.disable()
    try:
        for app in (at_once, after_start, first_chunk, between_chunks):
            for settings in (RAISE, ANSWER):
                guard, token = Guard(app, settings), Token()
                serve(guard, request(token=Token()))
                gone = weakref.ref(token)
                environ = request(token=token)
                del token
                server: Server | None = serve(guard, environ)
                assert server is not None
                server.error = None
                del environ, server
                assert gone() is None, (app, settings)
    finally:
        gc.enable()
        logging.getLogger("wsgi_guard").setLevel(logging.NOTSET)

