"""An app inside the guard behaves as outside: every shape of response that PEP 3333 knows, and many it does not."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from werkzeug.middleware.lint import LintMiddleware

from tests.support.calling import ANSWER, PLAIN, RAISE, App, Environ, Server, request, serve
from wsgi_guard import Guard, current

Told = list[str]
Make = Callable[[Told], App]
APPS: dict[str, Make] = {}


class Boom(Exception):
    """The app's own."""


def an_app(make: Make) -> Make:
    """`make(told)` is a fresh app that tells what happens to it."""
    APPS[make.__name__] = make
    return make


def simple(answer: Callable[[Told, Any], Any]) -> Make:
    """An app that starts "200 OK" and returns what `answer(told, write)` does."""

    def make(told: Told) -> App:
        def app(environ: Environ, start_response: Any) -> Any:
            return answer(told, start_response("200 OK", [PLAIN]))

        return app

    APPS[answer.__name__] = make
    return make


class Chunks:
    """An iterator with a `close` that is counted."""

    def __init__(self, told: Told, *chunks: bytes | BaseException) -> None:
        self.told = told
        self.chunks = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def close(self) -> None:
        self.told.append("close")


class Sized(Chunks):
    def __len__(self) -> int:
        return 1


class Bare:
    """An iterable, no iterator, without `close`."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks


class OldSequence:
    def __getitem__(self, at: int) -> bytes:
        return [b"a", b"b"][at]


class Slotted:
    __slots__ = ("told",)

    def __init__(self, told: Told) -> None:
        self.told = told

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a"])

    def close(self) -> None:
        self.told.append("close")


class ClosingList(list[bytes]):
    told: Told

    def close(self) -> None:
        self.told.append("close")


@simple
def a_list(told: Told, write: Any) -> Any:
    return [b"a", b"b"]


@simple
def an_empty_list(told: Told, write: Any) -> Any:
    return []


@simple
def a_list_of_empty(told: Told, write: Any) -> Any:
    return [b""]


@simple
def a_tuple(told: Told, write: Any) -> Any:
    return (b"a",)


@simple
def a_closing_list(told: Told, write: Any) -> Any:
    result = ClosingList([b"a"])
    result.told = told
    return result


@simple
def bytes_as_result(told: Told, write: Any) -> Any:
    return b"ab"


@simple
def text_as_result(told: Told, write: Any) -> Any:
    return "ab"


@simple
def a_dict(told: Told, write: Any) -> Any:
    return {b"a": 1}


@simple
def a_set(told: Told, write: Any) -> Any:
    return {b"a"}


@simple
def nothing_as_result(told: Told, write: Any) -> Any:
    return None


@simple
def a_number(told: Told, write: Any) -> Any:
    return 7


@simple
def a_map(told: Told, write: Any) -> Any:
    return map(bytes, [b"a", b"b"])


@simple
def an_inner_generator(told: Told, write: Any) -> Any:
    def generate() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b""
            yield b"b"
        finally:
            told.append("close")

    return generate()


@simple
def an_iterator(told: Told, write: Any) -> Any:
    return Chunks(told, b"a", b"b")


@simple
def a_sized_iterator(told: Told, write: Any) -> Any:
    return Sized(told, b"a")


@simple
def an_iterable(told: Told, write: Any) -> Any:
    return Bare(b"a", b"b")


@simple
def an_old_sequence(told: Told, write: Any) -> Any:
    return OldSequence()


@simple
def a_slotted_iterable(told: Told, write: Any) -> Any:
    return Slotted(told)


@simple
def a_file(told: Told, write: Any) -> Any:
    return io.BytesIO(b"a\nb")


@simple
def a_wrapped_file(told: Told, write: Any) -> Any:
    return FileWrapper(io.BytesIO(b"a\nb"), 2)


@simple
def write_only(told: Told, write: Any) -> Any:
    write(b"a")
    write(b"")
    write(b"b")
    return []


@simple
def write_then_iterate(told: Told, write: Any) -> Any:
    write(b"a")
    return Chunks(told, b"b")


@simple
def write_while_iterated(told: Told, write: Any) -> Any:
    def generate() -> Iterator[bytes]:
        yield b"a"
        write(b"b")
        yield b"c"

    return generate()


@simple
def write_text(told: Told, write: Any) -> Any:
    write("a")
    return []


@simple
def text_in_a_list(told: Told, write: Any) -> Any:
    return ["a"]


@simple
def raises_after_start(told: Told, write: Any) -> Any:
    raise Boom("here")


@simple
def raises_after_write(told: Told, write: Any) -> Any:
    write(b"a")
    raise Boom("here")


@simple
def raises_at_first_chunk(told: Told, write: Any) -> Any:
    return Chunks(told, Boom("here"))


@simple
def raises_after_empty_chunk(told: Told, write: Any) -> Any:
    return Chunks(told, b"", Boom("here"))


@simple
def raises_between_chunks(told: Told, write: Any) -> Any:
    return Chunks(told, b"a", Boom("here"), b"b")


@simple
def raises_in_close(told: Told, write: Any) -> Any:
    class Broken(Chunks):
        def close(self) -> None:
            super().close()
            raise Boom("close")

    return Broken(told, b"a")


@simple
def raises_in_iter(told: Told, write: Any) -> Any:
    class Broken(Bare):
        def __iter__(self) -> Iterator[bytes]:
            raise Boom("iter")

        def close(self) -> None:
            told.append("close")

    return Broken()


@simple
def leaves_the_process(told: Told, write: Any) -> Any:
    raise SystemExit(3)


@simple
def is_interrupted_midway(told: Told, write: Any) -> Any:
    return Chunks(told, b"a", KeyboardInterrupt("now"))


@simple
def raises_generator_exit(told: Told, write: Any) -> Any:
    raise GeneratorExit


@simple
def takes_the_socket_over(told: Told, write: Any) -> Any:
    raise StopIteration


def falls() -> Iterable[bytes]:
    raise Boom("here")


@an_app
def raises_at_once(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        raise Boom("here")

    return app


@an_app
def never_starts(told: Told) -> App:
    return lambda environ, start_response: [b"a"]


@an_app
def never_starts_and_says_nothing(told: Told) -> App:
    return lambda environ, start_response: []


@an_app
def generator_never_starts(told: Told) -> App:
    return lambda environ, start_response: (chunk for chunk in (b"a", b"b"))


@an_app
def takes_over_with_none(told: Told) -> App:
    return lambda environ, start_response: None


@an_app
def generator_function(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN])
        yield b"a"
        yield b"b"

    return app


@an_app
def generator_function_without_chunk(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("204 No Content", [])
        yield from ()

    return app


@an_app
def generator_raises_before_start(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield from falls()

    return app


@an_app
def generator_raises_after_start(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN])
        yield from falls()

    return app


@an_app
def generator_writes(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN])(b"a")
        yield b"b"

    return app


@an_app
def starts_after_empty_chunks(told: Told) -> App:
    """Not allowed, and some servers take it."""

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("200 OK", [PLAIN])
        yield b"a"

    return app


@an_app
def a_class_is_the_app(told: Told) -> App:
    """The second example of PEP 3333."""

    class Application:
        def __init__(self, environ: Environ, start_response: Any) -> None:
            self.start = start_response

        def __iter__(self) -> Iterator[bytes]:
            self.start("200 OK", [PLAIN])
            yield b"a"

    return Application


@an_app
def starts_in_iter(told: Told) -> App:
    class Application(Bare):
        def __init__(self, environ: Environ, start_response: Any) -> None:
            super().__init__(b"a", b"b")
            self.start = start_response

        def __iter__(self) -> Iterator[bytes]:
            self.start("200 OK", [PLAIN])
            return iter(self.chunks)

    return Application


@an_app
def starts_twice(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])
        start_response("201 Created", [PLAIN])
        return [b"a"]

    return app


@an_app
def catches_that_it_started_twice(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])
        try:
            start_response("201 Created", [PLAIN])
        except AssertionError as error:
            told.append(str(error))
        return [b"a"]

    return app


def exc_info() -> Any:
    try:
        raise Boom("caught")
    except Boom:
        return sys.exc_info()


@an_app
def second_thoughts(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN, ("X-First", "1")])
        start_response("404 Not Found", [PLAIN, ("X-Second", "1")], exc_info())
        return [b"a"]

    return app


@an_app
def second_thoughts_by_keyword(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN], exc_info=None)
        start_response("404 Not Found", [PLAIN], exc_info=exc_info())
        return [b"a"]

    return app


@an_app
def second_thoughts_of_a_generator(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])
        start_response("404 Not Found", [PLAIN], exc_info())
        yield b"a"

    return app


@an_app
def second_thoughts_too_late(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])
        yield b"a"
        try:
            start_response("404 Not Found", [PLAIN], exc_info())
        except Boom as error:
            told.append(repr(error))
            raise
        yield b"b"

    return app


@an_app
def second_thoughts_after_write(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])(b"a")
        start_response("404 Not Found", [PLAIN], exc_info())
        return [b"b"]

    return app


@an_app
def error_page_by_exc_info(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("500 Internal Server Error", [PLAIN], exc_info())
        return [b"sorry"]

    return app


@an_app
def falsy_exc_info(told: Told) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN], ())
        return [b"a"]

    return app


@an_app
def closes_on_server_error(told: Told) -> App:
    """The server refuses the head, and what the app opened is closed all the same."""

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", (PLAIN,))
        return []

    return app


def head(status: Any, headers: Any) -> Make:
    def make(told: Told) -> App:
        def app(environ: Environ, start_response: Any) -> Any:
            start_response(status, copy(headers))
            return [b"a"]

        return app

    return make


class Status(str):
    __slots__ = ()


APPS |= {
    "status_without_reason": head("200", [PLAIN]),
    "status_with_spaces": head("299 As you  like it ", [PLAIN]),
    "status_of_a_subclass": head(Status("200 OK"), [PLAIN]),
    "status_as_bytes": head(b"200 OK", [PLAIN]),
    "status_as_number": head(200, [PLAIN]),
    "empty_status": head("", [PLAIN]),
    "headers_none": head("200 OK", []),
    "headers_repeated": head("200 OK", [("x-b", "1"), PLAIN, ("Set-Cookie", "a"), ("X-A", ""), ("Set-Cookie", "b")]),
    "headers_as_tuple": head("200 OK", (PLAIN,)),
    "headers_as_dict": head("200 OK", {"Content-Type": "text/plain"}),
    "headers_missing": head("200 OK", None),
    "header_as_list": head("200 OK", [["Content-Type", "text/plain"]]),
    "header_of_three": head("200 OK", [("a", "b", "c")]),
    "header_of_one": head("200 OK", [("a",)]),
    "header_is_text": head("200 OK", ["x"]),
    "header_is_number": head("200 OK", [5]),
    "header_is_empty": head("200 OK", [()]),
    "header_name_is_bytes": head("200 OK", [(b"x-request-id", b"1")]),
    "request_id_of_its_own": head("200 OK", [PLAIN, ("x-request-ID", "mine")]),
}


def is_added(header: Any) -> bool:
    return isinstance(header, tuple) and header[:1] in (("X-Request-ID",), ("X-Error-ID",))


def seen(server: Server) -> Any:
    """What the client and the server's log get, but for the headers that a guard adds."""
    last = server.heads[-1] if server.heads else None
    if server.result is None and server.error is not None and not server.sent:
        # The app raised before it returned: the guard has kept its head back, and no byte of it would have left.
        last = None
    if last is not None:
        last = (last[0], [header for header in last[1] if not is_added(header)], last[2])
    error = server.error
    size = len(server.result) if hasattr(server.result, "__len__") else None
    return last, server.chunks, type(error), str(error), size


def trace(make: Make, wrap: Callable[[App], App], **choice: Any) -> Any:
    told: Told = []
    server = serve(wrap(make(told)), **choice)
    return seen(server), told


def thin(app: App) -> App:
    return Guard(app, RAISE)


EVERY_LAYER = Guard(
    lambda environ, start_response: environ["the app"](environ, start_response),
    {
        "capture": {"on_error": "raise"},
        "rate_limit": {"builtin_rules": "off"},
        "validation": {"threats": {"mode": "off"}},
    },
)


def every_layer(app: App) -> App:
    def guarded(environ: Environ, start_response: Any) -> Any:
        environ["the app"] = app
        return EVERY_LAYER(environ, start_response)

    return guarded


def full(app: App) -> App:
    return Guard(app, ANSWER)


def itself(app: App) -> App:
    return app


def test_table_of_apps_is_whole() -> None:
    assert len(APPS) == 78


@pytest.mark.parametrize("leave_after", [None, 0, 1])
@pytest.mark.parametrize("name", APPS)
def test_thin_guard_changes_nothing(name: str, leave_after: int | None) -> None:
    bare = trace(APPS[name], itself, leave_after=leave_after)
    assert trace(APPS[name], thin, leave_after=leave_after) == bare
    assert trace(APPS[name], every_layer, leave_after=leave_after) == bare
    assert trace(APPS[name], lambda app: thin(Outer(thin(app))), leave_after=leave_after) == bare


class Outer:
    """A middleware between two guards, which would be one otherwise."""

    def __init__(self, app: App) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        return self.app(environ, start_response)


# What the guard answers with 500, or hands over with an error that the server alone had seen before.
ERRORS = {name for name in APPS if "raises" in name} | {"nothing_as_result", "a_number"}


@pytest.mark.parametrize("name", sorted(set(APPS) - ERRORS - {"generator_never_starts"}))
def test_full_guard_changes_no_answer(name: str) -> None:
    (bare, told), (guarded, guarded_told) = trace(APPS[name], itself), trace(APPS[name], full)
    if bare[2] is not type(None) and bare[2] not in (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration):
        return
    assert (guarded, guarded_told) == (bare, told)


@pytest.mark.parametrize("check", [validator, LintMiddleware])
@pytest.mark.parametrize("settings", [RAISE, ANSWER], ids=["thin", "full"])
@pytest.mark.parametrize(
    "name",
    ["a_list", "a_tuple", "an_inner_generator", "an_iterator", "generator_function", "write_then_iterate",
     "second_thoughts", "error_page_by_exc_info", "a_class_is_the_app", "a_wrapped_file", "raises_at_once"],
)  # fmt: skip
def test_linters_are_content_on_both_sides(name: str, settings: Any, check: Any) -> None:
    told: Told = []
    server = serve(check(Guard(check(APPS[name](told)), settings)), request(body=b"x"))
    if "raises" in name and settings is RAISE:
        assert type(server.error) is Boom
    else:
        assert server.error is None
        assert server.header("X-Request-ID") is not None


# identity and laziness


def given(result: Any, *, start: bool = True, **keys: Any) -> Any:
    """What the server gets when the app returns `result`."""

    def app(environ: Environ, start_response: Any) -> Any:
        if start:
            start_response("200 OK", [PLAIN])
        return result

    return Guard(app, RAISE)(request(**keys), Server().start_response)


def test_list_and_tuple_stay_themselves() -> None:
    for result in ([b"a"], (b"a",), [], b"text", "text", {b"a": 1}, None, 5):
        assert given(result) is result
        assert given(result, start=False) is result


def test_first_chunk_leaves_before_second_is_made() -> None:
    made = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN])
        for number in range(3):
            made.append(number)
            yield b"%d" % number

    result = iter(Guard(app, RAISE)(request(), Server().start_response))
    assert made == []
    assert next(result) == b"0"
    assert made == [0]


def test_write_leaves_at_once() -> None:
    server = Server()

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [PLAIN])
        assert server.heads == []
        write(b"a")
        assert server.chunks == [b"a"]
        return []

    assert server.serve(Guard(app, ANSWER)).error is None
    assert server.chunks == [b"a"]


def test_start_response_is_called_before_first_chunk() -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        return (chunk for chunk in [b"a"])

    server = Server()
    Guard(app, RAISE)(request(), server.start_response)
    assert server.status == "200 OK"


def test_app_may_use_its_header_list_again() -> None:
    headers = [PLAIN]

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return [b"a"]

    guard = Guard(app, RAISE)
    first, second = serve(guard), serve(guard)
    assert headers == [PLAIN]
    assert [len(server.headers) for server in (first, second)] == [2, 2]


def test_headers_are_those_of_the_call() -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        headers = [PLAIN]
        start_response("200 OK", headers)
        headers.clear()
        return [b"a"]

    assert PLAIN in serve(Guard(app, RAISE)).headers


def test_two_argument_start_response_serves() -> None:
    heads: list[Any] = []

    def start_response(status: str, headers: Any, /, *none: Any) -> Any:
        assert none == ()
        heads.append(status)

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        return [b"a"]

    assert Guard(app, RAISE)(request(), start_response) == [b"a"]
    assert heads == ["200 OK"]


def test_missing_write_is_the_servers_affair() -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])(b"lost?")
        return []

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Any:
        return None

    with pytest.raises(TypeError, match="not callable"):
        Guard(app, RAISE)(request(), start_response)


def test_head_is_passed_on_as_it_is() -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN, ("Content-Length", "5")])
        return [b"hello"]

    assert serve(Guard(app, RAISE), request(method="HEAD")).body == b"hello"


# the environ

ODD: list[dict[Any, Any]] = [
    {"PATH_INFO": None},
    {"PATH_INFO": "*"},
    {"PATH_INFO": "no-slash"},
    {"PATH_INFO": ""},
    {"PATH_INFO": b"/bytes"},
    {"PATH_INFO": "/\udc80\u20ac"},
    {"REQUEST_METHOD": None},
    {"REQUEST_METHOD": 5},
    {"REQUEST_METHOD": "get"},
    {"REMOTE_ADDR": None},
    {"REMOTE_ADDR": ""},
    {"REMOTE_ADDR": b""},
    {"REMOTE_ADDR": "unix:/run/app.sock"},
    {"REMOTE_ADDR": 5},
    {"REMOTE_PORT": 5},
    {"SERVER_PORT": "/run/app.sock"},
    {"SERVER_PORT": None, "SERVER_NAME": None, "SERVER_PROTOCOL": None},
    {"SCRIPT_NAME": None},
    {"SCRIPT_NAME": 5},
    {"CONTENT_LENGTH": ""},
    {"CONTENT_LENGTH": "-5"},
    {"CONTENT_LENGTH": "nonsense"},
    {"CONTENT_LENGTH": 5},
    {"CONTENT_LENGTH": "\u00b2"},
    {"CONTENT_TYPE": ""},
    {"QUERY_STRING": None},
    {"RAW_URI": 5},
    {"RAW_URI": "%2"},
    {"REQUEST_URI": "/%2F%"},
    {"HTTP_X_FORWARDED_FOR": ",,,"},
    {"HTTP_X_FORWARDED_FOR": 5},
    {"HTTP_X_REQUEST_ID": "\n"},
    {"REMOTE_USER": 5},
    {"wsgi.url_scheme": None, "wsgi.input": None, "wsgi.errors": None},
    {5: "five", ("a",): 1},
]


def test_odd_environs_are_counted() -> None:
    assert len(ODD) == 35


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("settings", [RAISE, ANSWER], ids=["thin", "full"])
def test_odd_environ_passes(odd: dict[Any, Any], settings: Any) -> None:
    named = {key: value for key, value in odd.items() if isinstance(key, str)}
    given: Any = {**request(**named), **{key: value for key, value in odd.items() if key not in named}}
    before = dict(given)
    found: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        found.append(environ)
        facts = current()
        assert facts is not None
        assert facts.route.given == environ.get("PATH_INFO", "") or not isinstance(environ["PATH_INFO"], str)
        start_response("200 OK", [PLAIN])
        return [b"a"]

    assert serve(Guard(app, settings), given).body == b"a"
    assert found[0] is given
    assert {key: value for key, value in given.items() if not str(key).startswith("wsgi_guard.")} == before


def test_environ_holds_what_is_promised() -> None:
    environ = request(REMOTE_USER="ann")
    serve(Guard(APPS["a_list"]([]), RAISE), environ)
    keys = {key: value for key, value in environ.items() if key.startswith("wsgi_guard.")}
    assert set(keys) == {"wsgi_guard.request_id", "wsgi_guard.client_ip", "wsgi_guard.identity"}
    assert (keys["wsgi_guard.client_ip"], keys["wsgi_guard.identity"]) == ("192.0.2.1", "ann")


def test_environ_without_anything_passes() -> None:
    assert serve(Guard(APPS["a_list"]([]), ANSWER), {}).body == b"ab"


def test_one_environ_may_be_sent_twice() -> None:
    environ = request(**{"wsgi_guard.validated": {"body": "of another request"}})
    found: list[Any] = []

    def app(environ: Environ, start_response: Any) -> Any:
        found.append((environ["wsgi_guard.request_id"], environ.get("wsgi_guard.validated")))
        return a_list_app(environ, start_response)

    a_list_app = APPS["a_list"]([])
    guard = Guard(app, RAISE)
    assert serve(guard, environ).body == serve(guard, environ).body == b"ab"
    assert found[0][0] != found[1][0]
    assert [validated for _, validated in found] == [None, None]


def test_input_stays_itself_and_unread() -> None:
    environ = request(method="POST", body=b"body")
    stream = environ["wsgi.input"]

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        assert environ["wsgi.input"] is stream
        assert stream.tell() == 0
        start_response("200 OK", [PLAIN])
        return [environ["wsgi.input"].read()]

    assert serve(Guard(app, RAISE), environ).body == b"body"


# wrapping


def test_guard_of_guard_is_the_same() -> None:
    guard = Guard(APPS["a_list"]([]), RAISE)
    assert Guard(guard) is guard
    assert serve(guard).body == b"ab"


def test_guard_of_guard_with_settings_is_refused() -> None:
    from wsgi_guard import ConfigurationError

    guard = Guard(APPS["a_list"]([]), RAISE)
    with pytest.raises(ConfigurationError, match="Guard already"):
        Guard(guard, RAISE)
    with pytest.raises(ConfigurationError, match="Guard already"):
        Guard(guard, only=("rate_limit",))
    with pytest.raises(ConfigurationError, match="callable"):
        Guard("not an app", RAISE)  # type: ignore[arg-type]


def test_repr_prints_layers_outside_in() -> None:
    assert repr(Guard(APPS["a_list"]([]), RAISE)) == "<Guard capture > 'app'>"
