"""What the server gets of a response iterable, and when the request ends."""

from __future__ import annotations

import gc
import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from gunicorn.http.wsgi import FileWrapper as GunicornFileWrapper
from waitress.buffers import ReadOnlyFileBasedBuffer
from werkzeug.wsgi import ClosingIterator
from werkzeug.wsgi import FileWrapper as WerkzeugFileWrapper

from tests.support.calling import PLAIN, RAISE, App, Environ, Server, request, serve
from tests.support.django_settings import configure_django
from wsgi_guard import Guard, current
from wsgi_guard.chain import Chain
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome

configure_django()


class Ends:
    """A layer that keeps how requests ended."""

    name = "ends"

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        assert facts.open
        self.outcomes.append(outcome)

    @property
    def ends(self) -> list[str]:
        return [outcome.end for outcome in self.outcomes]


def watched(app: App, settings: Any = None) -> tuple[Guard, Ends]:
    guard, ends = Guard(app, settings or RAISE), Ends()
    guard.stack.full = Chain([guard.stack.capture, ends])
    guard.stack.nested = Chain([ends])
    return guard, ends


def returning(make: Callable[[], Any]) -> App:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])
        return make()

    return app


def handed(make: Callable[[], Any], **keys: Any) -> tuple[Any, Ends]:
    guard, ends = watched(returning(make))
    return guard(request(**keys), Server().start_response), ends


class Iterable_:
    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks

    def close(self) -> None:
        self.closed += 1


class AlreadyHandled:
    """As eventlet's: one object for all requests, which the server knows by its identity."""

    def __iter__(self) -> AlreadyHandled:
        return self

    def __next__(self) -> bytes:
        raise StopIteration


class Special:
    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


ALREADY_HANDLED = AlreadyHandled()
SPECIAL = Special()


# identity


@pytest.mark.parametrize("wrapper", [FileWrapper, GunicornFileWrapper, WerkzeugFileWrapper, ReadOnlyFileBasedBuffer])
@pytest.mark.parametrize("told", [True, False], ids=["in environ", "unknown"])
def test_file_wrapper_stays_itself(wrapper: Any, told: bool) -> None:
    file = io.BytesIO(b"content")
    wrapped = wrapper(file)
    guard, ends = watched(returning(lambda: wrapped))
    environ = request(**{"wsgi.file_wrapper": wrapper if told else None})
    result: Any = guard(environ, Server().start_response)
    assert result is wrapped or not told
    assert ends.ends == []
    result.close()
    assert ends.ends == ["close" if result is wrapped else "disconnect"]
    assert file.closed


def test_file_given_back_by_server_function_stays_itself(tmp_path: Path) -> None:
    """uWSGI's `wsgi.file_wrapper` is a function that returns the file, which the server knows again by its pointer."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        result, ends = handed(lambda: file, **{"wsgi.file_wrapper": lambda file, size=8192: file})
        assert result is file
        result.close()
        assert (ends.ends, file.closed) == (["close"], True)
        assert "close" not in file.__dict__


@pytest.mark.parametrize("special", [ALREADY_HANDLED, SPECIAL], ids=["with dict", "slotted"])
def test_special_result_is_the_very_object(special: Any) -> None:
    for _ in range(2):
        result, ends = handed(lambda: special)
        assert result is special
        assert ends.ends == ["return"]
        assert not hasattr(special, "close")


def test_special_result_of_many_requests_at_once() -> None:
    guard, ends = watched(returning(lambda: ALREADY_HANDLED))
    results = [guard(request(), Server().start_response) for _ in range(5)]
    assert all(result is ALREADY_HANDLED for result in results)
    assert ends.ends == ["return"] * 5


def test_app_that_returns_itself_is_watched() -> None:
    class Application:
        def __call__(self, environ: Environ, start_response: Any) -> Application:
            self.start = start_response
            return self

        def __iter__(self) -> Iterator[bytes]:
            self.start("200 OK", [PLAIN])
            yield b"a" if current() else b"nobody's"

    guard, ends = watched(Application())
    assert serve(guard).body == b"a"
    assert (ends.ends, ends.outcomes[0].code) == (["close"], 200)


def test_list_subclass_stays_itself() -> None:
    class Body(list[bytes]):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    body = Body([b"a"])
    result, ends = handed(lambda: body)
    assert result is body
    assert (len(result), ends.ends) == (1, [])
    result.close()
    assert (body.closed, ends.ends) == (1, ["close"])
    result.close()
    assert (body.closed, ends.ends) == (2, ["close"])


def test_finished_response_object_stays_itself() -> None:
    response = HttpResponse(b"hello", headers={"X-A": "1"})
    result, ends = handed(lambda: response)
    assert result is response
    assert b"hello" in bytes(result)
    result.close()
    assert ends.ends == ["close"]
    assert response.closed


def test_streaming_response_object_is_watched() -> None:
    def chunks() -> Iterator[bytes]:
        assert current() is not None
        yield b"a"

    result, ends = handed(lambda: StreamingHttpResponse(chunks(), status=202))
    # Who knows the app's object may still look at it.
    assert (result.status_code, result.streaming) == (202, True)
    assert b"".join(result) == b"a"
    result.close()
    assert ends.ends == ["close"]


def test_wrapper_is_no_file_and_has_no_length() -> None:
    result, _ = handed(lambda: (chunk for chunk in [b"a"]))
    for name in ("read", "fileno", "filelike", "__len__", "__getitem__", "nonsense"):
        assert not hasattr(result, name)
    with pytest.raises(TypeError):
        len(result)


def test_length_of_one_survives() -> None:
    class Sized(Iterable_):
        def __len__(self) -> int:
            return len(self.chunks)

    result, _ = handed(lambda: Sized(b"a"))
    assert hasattr(result, "__len__")
    assert len(result) == 1


# the end


@pytest.mark.parametrize("result", [[], [b"a"], (b"a",), {b"a": 1}, b"a", None], ids=str)
def test_whole_result_ends_at_return(result: Any) -> None:
    _, ends = handed(lambda: result)
    assert ends.ends == ["return"]


def generate(*chunks: bytes) -> Iterator[bytes]:
    yield from chunks


STREAMS: dict[str, Callable[[], Any]] = {
    "generator": lambda: generate(b"a", b"b"),
    "map": lambda: map(bytes, [b"a", b"b"]),
    "iterable": lambda: Iterable_(b"a", b"b"),
    "closing iterator": lambda: ClosingIterator(iter([b"a", b"b"]), []),
    "streaming response": lambda: StreamingHttpResponse([b"a", b"b"]),
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_stream_ends_at_close_once(make: Callable[[], Any]) -> None:
    result, ends = handed(make)
    assert list(result) == [b"a", b"b"]
    assert ends.ends == []
    result.close()
    result.close()
    assert ends.ends == ["close"]


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_stream_left_early_is_a_disconnect(make: Callable[[], Any]) -> None:
    result, ends = handed(make)
    assert next(iter(result)) == b"a"
    result.close()
    assert ends.ends == ["disconnect"]
    assert list(result) == []


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_stream_never_iterated_is_closed(make: Callable[[], Any]) -> None:
    result, ends = handed(make)
    result.close()
    assert ends.ends == ["disconnect"]


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_stream_never_closed_is_abandoned(make: Callable[[], Any]) -> None:
    result, ends = handed(make)
    assert next(iter(result)) == b"a"
    del result
    assert ends.ends == ["abandoned"]


def test_kept_result_never_closed_is_abandoned() -> None:
    result, ends = handed(lambda: io.BytesIO(b"a"))
    del result
    gc.collect()
    assert ends.ends in (["abandoned"], ["close"])


def test_app_closes_once_however_it_ends() -> None:
    for leave_after in (None, 0, 1):
        body = Iterable_(b"a", b"b")
        guard, ends = watched(returning([body].pop))
        serve(guard, leave_after=leave_after)
        assert (body.closed, len(ends.ends)) == (1, 1)


def test_close_of_iterable_not_of_its_iterator() -> None:
    class Body(Iterable_):
        def __iter__(self) -> Iterator[bytes]:
            return Iterable_(b"inner").__iter__()

    body = Body()
    guard, _ = watched(returning(lambda: body))
    assert serve(guard).body == b"inner"
    assert body.closed == 1


def test_generator_never_started_runs_nothing() -> None:
    ran = []

    def body() -> Iterator[bytes]:
        ran.append("body")
        try:
            yield b"a"
        finally:
            ran.append("finally")

    guard, ends = watched(returning(body))
    serve(guard, leave_after=0)
    assert (ran, ends.ends) == ([], ["disconnect"])


def test_next_after_the_end_stays_at_the_end() -> None:
    result, _ = handed(lambda: generate(b"a"))
    assert list(result) == [b"a"]
    for _ in range(3):
        with pytest.raises(StopIteration):
            next(result)


def test_next_after_an_error_is_the_end() -> None:
    def body() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("midway")

    result, ends = handed(body)
    assert next(result) == b"a"
    with pytest.raises(ValueError, match="midway"):
        next(result)
    with pytest.raises(StopIteration):
        next(result)
    result.close()
    assert ends.ends == ["error"]
    assert type(ends.outcomes[0].error) is ValueError


@pytest.mark.parametrize("error", [ValueError("close"), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_error_in_close_passes_and_ends(error: BaseException) -> None:
    class Body(Iterable_):
        def close(self) -> None:
            super().close()
            raise error

    class File(io.BytesIO):
        def close(self) -> None:
            # Not again when it is collected.
            if not self.closed:
                super().close()
                raise error

    for make in (lambda: Body(b"a"), lambda: File(b"a")):
        result, ends = handed(make)
        list(result)
        with pytest.raises(type(error)):
            result.close()
        assert ends.ends == ["error"]
        assert ends.outcomes[0].error is error


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_leaving_midway_passes(error: BaseException) -> None:
    def body() -> Iterator[bytes]:
        yield b"a"
        raise error

    result, ends = handed(body)
    assert next(result) == b"a"
    with pytest.raises(type(error)):
        next(result)
    result.close()
    assert ends.ends == ["error"]


def test_close_set_on_the_instance_is_restored() -> None:
    file, closes = io.BytesIO(b"a"), []
    file.close = lambda: closes.append(1)  # type: ignore[method-assign]
    mine = file.close
    result, ends = handed(lambda: file)
    assert result is file
    file.close()
    assert (closes, ends.ends, file.close is mine) == ([1], ["close"], True)


def test_one_file_for_several_requests() -> None:
    class Shared(io.BytesIO):
        closes = 0

        def close(self) -> None:
            self.closes += 1

    shared = Shared(b"a")
    guard, ends = watched(returning(lambda: shared))
    first = guard(request(), Server().start_response)
    second = guard(request(), Server().start_response)
    assert first is second is shared
    assert ends.ends == ["return"]
    first.close()
    second.close()
    assert (shared.closes, ends.ends) == (2, ["return", "close"])
    assert "close" not in shared.__dict__


def test_close_taken_before_works_once() -> None:
    """Werkzeug's test client takes `close` first, and lets go of the object."""
    file = io.BytesIO(b"a")
    guard, ends = watched(returning(lambda: file))
    result: Any = guard(request(), Server().start_response)
    close = result.close
    del result
    close()
    close()
    assert (file.closed, ends.ends) == (True, ["close"])


# which request runs


def test_request_is_current_around_each_step() -> None:
    found: list[str | None] = []

    def look() -> None:
        facts = current()
        found.append(facts.request_id if facts else None)

    class Body(Iterable_):
        def __iter__(self) -> Iterator[bytes]:
            look()
            yield b"a"
            look()

        def close(self) -> None:
            look()

    def app(environ: Environ, start_response: Any) -> Any:
        look()
        start_response("200 OK", [PLAIN])
        return Body()

    environ = request()
    result: Any = watched(app)[0](environ, Server().start_response)
    look()
    iterator = iter(result)
    next(iterator)
    look()
    list(iterator)
    look()
    result.close()
    look()
    mine = environ["wsgi_guard.request_id"]
    assert found == [mine, None, mine, None, mine, None, mine, None]


def test_each_step_may_run_in_a_context_of_its_own() -> None:
    found: list[bool] = []

    class Body(Iterable_):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in self.chunks:
                found.append(current() is not None)
                yield chunk

        def close(self) -> None:
            found.append(current() is not None)

    guard, ends = watched(returning(lambda: Body(b"a", b"b")))
    result: Any = copy_context().run(guard, request(), Server().start_response)
    iterator = copy_context().run(iter, result)
    for _ in range(2):
        copy_context().run(next, iterator)
    copy_context().run(result.close)
    assert found == [True] * 3
    assert ends.ends == ["disconnect"]
    assert current() is None


def test_each_step_may_run_in_a_thread_of_its_own() -> None:
    def run(step: Callable[[], Any]) -> Any:
        kept: list[Any] = []
        thread = threading.Thread(target=lambda: kept.append(step()))
        thread.start()
        thread.join(10)
        return kept[0]

    found: list[bool] = []

    def body() -> Iterator[bytes]:
        for _ in range(2):
            found.append(current() is not None)
            yield b"a"

    guard, ends = watched(returning(body))
    result = run(lambda: guard(request(), Server().start_response))
    assert [run(lambda: next(result)) for _ in range(2)] == [b"a", b"a"]
    run(result.close)
    assert (found, ends.ends) == ([True, True], ["disconnect"])


def test_nothing_is_current_after_the_end() -> None:
    seen: list[Any] = []

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        seen.append((copy_context(), current()))
        start_response("200 OK", [PLAIN])
        return [b"a"]

    serve(watched(app)[0])
    context, facts = seen[0]
    assert current() is None
    assert facts is not None
    # What a thread of the app's own inherited is of a request that has ended.
    assert context.run(current) is None


# memory


def cycles(app: Any, rounds: int = 50) -> int:
    """Objects that only the cycle collector could free, after `rounds` requests."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            serve(app)
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "make",
    [
        lambda: [b"a"],
        lambda: generate(b"a"),
        lambda: io.BytesIO(b"a"),
        lambda: HttpResponse(b"a"),
        lambda: Iterable_(b"a"),
    ],
    ids=["list", "generator", "file", "response", "iterable"],
)  # fmt: skip
def test_request_leaves_no_cycles(make: Callable[[], Any]) -> None:
    app = returning(make)
    guard, _ = watched(app)
    serve(app)
    serve(guard)
    # The collector sees the whole process: what a thread of another test left meanwhile is in one try, not in all.
    assert any(cycles(guard) <= cycles(app) for _ in range(20))


@pytest.mark.parametrize("make", [*STREAMS.values(), lambda: [b"a"], lambda: io.BytesIO(b"a")])
def test_environ_dies_with_its_request(make: Callable[[], Any]) -> None:
    import weakref

    class Token:
        pass

    token = Token()
    gone = weakref.ref(token)
    guard, _ = watched(returning(make))
    environ = request(token=token)
    del token
    gc.disable()
    try:
        serve(guard, environ)
        del environ
        assert gone() is None
    finally:
        gc.enable()


def test_stream_needs_no_memory_of_its_size() -> None:
    import tracemalloc

    guard, _ = watched(returning(lambda: (bytes(65536) for _ in range(1024))))
    result: Any = guard(request(), Server().start_response)
    tracemalloc.start()
    try:
        total = sum(len(chunk) for chunk in result)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    result.close()
    assert total == 64 * 1024 * 1024
    assert peak < 1024 * 1024


def test_references_are_counted_as_expected() -> None:
    """What tells a special result from a fresh one; an interpreter that counts otherwise shows itself here."""
    assert sys.implementation.name == "cpython"
    fresh, _ = handed(lambda: AlreadyHandled())
    assert type(fresh) is not AlreadyHandled
