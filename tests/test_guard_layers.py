"""How the guard walks its layers: order, answers of their own, failures of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.support.calling import PLAIN, App, Environ, Server, request, serve
from wsgi_guard import Guard, Refused, current
from wsgi_guard.chain import Chain
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Head, Outcome, Reply

TEAPOT = Reply("418 Teapot", (("Content-Type", "text/plain"), ("Content-Length", "6")), b"teapot")


class Told:
    """A layer that tells what is asked of it, and fails or replies where it is told to."""

    def __init__(self, name: str, told: list[str], **does: Any) -> None:
        self.name = name
        self.told = told
        self.does = does
        self.outcome: Outcome | None = None

    def _do(self, step: str) -> Any:
        self.told.append(f"{step} {self.name}")
        what = self.does.get(step)
        if isinstance(what, BaseException):
            raise what
        return what

    def before(self, facts: Facts) -> Reply | None:
        return self._do("before")  # type: ignore[no-any-return]

    def prepare(self, facts: Facts) -> None:
        facts.environ["prepared"] = self.name
        self._do("prepare")

    def after(self, facts: Facts, head: Head) -> Reply | None:
        head.headers.append((f"X-{self.name}", str(head.code)))
        return self._do("after")  # type: ignore[no-any-return]

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        self.outcome = outcome
        self._do("finish")


class Vital(Told):
    vital = True


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return [b"app"]


def guarded(app: App, *layers: Any, deny: bool = True, raises: bool = False) -> Guard:
    on_error = "raise" if raises else "answer"
    policy: dict[str, Any] = {"layers": [], "on_layer_error": "deny" if deny else "allow"}
    guard = Guard(app, {"guard": policy, "capture": {"on_error": on_error}})
    guard.stack.full = Chain([guard.stack.capture, *layers])
    guard.stack.nested = Chain(layers)
    return guard


def three(told: list[str], **middle: Any) -> tuple[Told, Told, Told]:
    return Told("outer", told), Told("middle", told, **middle), Told("inner", told)


def services(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Of the events in the log, whose they are."""
    return [record.event["service"] for record in caplog.records if hasattr(record, "event")]


def test_layers_are_walked_in_order() -> None:
    told: list[str] = []
    server = serve(guarded(app, *three(told)))
    assert server.body == b"app"
    assert told == [
        "before outer", "before middle", "before inner",
        "prepare outer", "prepare middle", "prepare inner",
        "after inner", "after middle", "after outer",
        "finish inner", "finish middle", "finish outer",
    ]  # fmt: skip
    added = [name for name, _ in server.headers]
    assert added == ["Content-Type", "X-inner", "X-middle", "X-outer", "X-Request-ID"]


@pytest.mark.parametrize("reply", [TEAPOT, Refused(418, "a teapot")], ids=["reply", "refusal"])
def test_reply_leaves_through_the_layers_outside(reply: Any) -> None:
    told: list[str] = []
    outer, middle, inner = three(told, before=reply)
    environ = request()
    server = serve(guarded(app, outer, middle, inner), environ)
    assert told == ["before outer", "before middle", "after middle", "after outer",
                    "finish inner", "finish middle", "finish outer"]  # fmt: skip
    assert server.code == 418
    assert server.header("X-outer") == server.header("X-middle") == "418"
    assert "prepared" not in environ
    assert outer.outcome is not None
    assert (outer.outcome.code, outer.outcome.replied, outer.outcome.end) == (418, True, "return")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "bare"), [("418 Teapot", False), ("204 No Content", True), ("304 Not", True)])
def test_reply_has_a_body_where_allowed(method: str, status: str, bare: bool) -> None:
    reply = Reply(status, TEAPOT.headers, TEAPOT.body)
    server = serve(guarded(app, Told("only", [], before=reply)), request(method=method))
    assert server.body == (b"" if bare or method == "HEAD" else b"teapot")
    assert server.header("Content-Length") == "6"


# a layer's answer in place of the app's


class Body:
    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b"app's"

    def close(self) -> None:
        self.closed += 1


BODY = Body()


def returns(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [PLAIN, ("X-App", "1")])
    return BODY


def writes(environ: Environ, start_response: Any) -> Any:
    write = start_response("200 OK", [PLAIN, ("X-App", "1")])
    write(b"app's")
    write(b"more")
    return BODY


def starts_late(environ: Environ, start_response: Any) -> Any:
    try:
        start_response("200 OK", [PLAIN, ("X-App", "1")])
        yield b"app's"
        yield b"more"
    finally:
        BODY.close()


def starts_late_and_says_nothing(environ: Environ, start_response: Any) -> Any:
    try:
        start_response("200 OK", [PLAIN, ("X-App", "1")])
        yield from ()
    finally:
        BODY.close()


def writes_late(environ: Environ, start_response: Any) -> Any:
    try:
        start_response("200 OK", [PLAIN, ("X-App", "1")])(b"app's")
        yield b"more"
    finally:
        BODY.close()


def has_second_thoughts(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [PLAIN, ("X-First", "1")])
    try:
        raise ValueError
    except ValueError:
        start_response("200 OK", [PLAIN, ("X-App", "1")], sys.exc_info())
    return BODY


@pytest.mark.parametrize("reply", [TEAPOT, Refused(418, "a teapot")], ids=["reply", "refusal"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "app", [returns, writes, starts_late, starts_late_and_says_nothing, writes_late, has_second_thoughts]
)
def test_reply_takes_the_place_of_the_answer(app: App, method: str, reply: Any) -> None:
    BODY.closed = 0
    told: list[str] = []
    outer, middle, inner = three(told, after=reply)
    server = serve(guarded(app, outer, middle, inner), request(method=method))
    assert server.error is None
    assert (server.code, len(server.heads)) == (418, 1)
    assert b"app" not in server.body
    assert (server.body == b"") is (method == "HEAD")
    assert server.header("X-App") is server.header("X-inner") is None
    assert (server.header("X-outer"), BODY.closed) == ("418", 1)
    assert outer.outcome is not None
    assert (outer.outcome.code, outer.outcome.replied) == (418, True)


def falls_after_write(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [PLAIN])(b"app's")
    raise ValueError("of the app")


def falls_late(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [PLAIN])
    yield from falls_after_write(environ, lambda *head: len)


@pytest.mark.parametrize("app", [falls_after_write, falls_late])
def test_reply_stands_when_the_app_falls(app: App, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(guarded(app, Told("only", [], after=TEAPOT)))
    assert (server.error, server.code, server.body) == (None, 418, b"teapot")
    assert len(server.heads) == 1
    assert services(caplog) == ["app"]


def test_failing_close_of_a_replaced_body_is_captured(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Body):
        def close(self) -> None:
            raise ValueError("close")

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])
        return Broken()

    server = serve(guarded(app, Told("only", [], after=TEAPOT)))
    assert (server.error, server.body) == (None, b"teapot")
    assert "ValueError: close" in caplog.text


# a layer's own failure


@pytest.mark.parametrize("raises", [False, True], ids=["answer", "raise"])
@pytest.mark.parametrize("step", ["before", "prepare", "after"])
@pytest.mark.parametrize(("kind", "deny"), [(Told, True), (Told, False), (Vital, False)])
def test_failed_layer_follows_the_policy(
    kind: type[Told], deny: bool, step: str, raises: bool, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    broken = kind("broken", told, **{step: ValueError("of the layer")})
    server = serve(guarded(app, Told("outer", told), broken, Told("inner", told), deny=deny, raises=raises))
    assert server.error is None
    if deny or kind is Vital:
        assert server.code == 500
        assert json.loads(server.body)["request_id"] == server.header("X-Request-ID")
        assert b"of the layer" not in server.body
    else:
        assert (server.code, server.body) == (200, b"app")
        assert "after inner" in told
    assert server.header("X-outer") == str(server.code)
    assert services(caplog) == ["wsgi_guard.broken"]
    assert told.count("finish broken") == 1


def test_failed_finish_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    server = serve(guarded(app, *three(told, finish=ValueError("of the layer"))))
    assert (server.error, server.body) == (None, b"app")
    assert told[-3:] == ["finish inner", "finish middle", "finish outer"]
    assert services(caplog) == ["wsgi_guard.middle"]


def test_failed_identity_follows_the_policy() -> None:
    for deny in (True, False):
        guard = guarded(app, deny=deny)

        def broken(environ: Environ) -> None:
            raise ValueError("who?")

        guard.stack.origin = guard.stack.origin._replace(identity=broken)
        environ = request()
        server = serve(guard, environ)
        assert server.code == (500 if deny else 200)
        assert environ["wsgi_guard.identity"] is None


@pytest.mark.parametrize(
    ("found", "expected"), [("ann", "ann"), (5, "5"), (0, "0"), (None, "remote"), ("", "remote")], ids=repr
)
def test_identity_is_text_never_empty(found: Any, expected: str) -> None:
    guard = guarded(app)
    guard.stack.origin = guard.stack.origin._replace(identity=lambda environ: found)
    environ = request(REMOTE_USER="remote")
    serve(guard, environ)
    assert environ["wsgi_guard.identity"] == expected


def test_refusal_of_identity_is_the_answer() -> None:
    def refuse(environ: Environ) -> None:
        raise Refused(401, "no such token")

    guard = guarded(app)
    guard.stack.origin = guard.stack.origin._replace(identity=refuse)
    assert serve(guard).code == 401


# unread bodies


class Input:
    def __init__(self, body: bytes) -> None:
        self.left = body
        self.reads = 0

    def read(self, size: int = -1) -> bytes:
        self.reads += 1
        assert size >= 0
        taken, self.left = self.left[:size], self.left[size:]
        return taken


@pytest.mark.parametrize(
    ("body", "keys", "left"),
    [
        (b"a" * 1000, {}, 0),
        (b"a" * 65536, {}, 0),
        (b"a" * 65537, {}, 65537),
        (b"a" * 1000, {"HTTP_EXPECT": "100-continue"}, 1000),
        (b"a" * 1000, {"CONTENT_LENGTH": None}, 1000),
        (b"a" * 1000, {"CONTENT_LENGTH": "\u00b2"}, 1000),
        (b"a" * 1000, {"CONTENT_LENGTH": "-1"}, 1000),
        (b"a" * 10, {"CONTENT_LENGTH": "1000"}, 0),
    ],
)
def test_small_unread_body_is_drained_on_refusal(body: bytes, keys: Any, left: int) -> None:
    stream = Input(body)
    environ = request(method="POST", body=body, **{"wsgi.input": stream, **keys})
    server = serve(guarded(app, Told("only", [], before=TEAPOT)), environ)
    assert (server.error, server.body, len(stream.left)) == (None, b"teapot", left)


@pytest.mark.parametrize("stream", [None, 5, "text"], ids=repr)
def test_broken_input_does_not_break_a_refusal(stream: Any) -> None:
    environ = request(method="POST", body=b"abc", **{"wsgi.input": stream})
    server = serve(guarded(app, Told("only", [], before=TEAPOT)), environ)
    assert (server.error, server.body) == (None, b"teapot")


def test_input_the_app_has_read_is_not_drained() -> None:
    """A server whose stream knows no end would wait for bytes that never come."""
    stream = Input(b"a" * 10)

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read(10)
        raise ValueError

    server = serve(guarded(app), request(method="POST", body=b"a" * 10, **{"wsgi.input": stream}))
    assert (server.code, stream.reads) == (500, 1)


# a guard inside a guard


class Around:
    """Between two guards, which would be one otherwise."""

    def __init__(self, app: App) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        return self.app(environ, start_response)


def test_inner_guard_keeps_its_layers_and_leaves_the_rest() -> None:
    told: list[str] = []
    inner = guarded(app, Told("inner", told))
    server = serve(guarded(Around(inner), Told("outer", told)))
    assert told == ["before outer", "prepare outer", "before inner", "prepare inner", "after inner", "finish inner",
                    "after outer", "finish outer"]  # fmt: skip
    assert [name for name, _ in server.headers].count("X-Request-ID") == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_error_inside_two_guards_is_one_event(streamed: bool, caplog: pytest.LogCaptureFixture) -> None:
    def called(environ: Environ, start_response: Any) -> Iterable[bytes]:
        raise ValueError("of the app")

    def stream(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN])
        yield from called(environ, start_response)

    told: list[str] = []
    inner = guarded(stream if streamed else called, Told("inner", told))
    server = serve(guarded(Around(inner), Told("outer", told)))
    assert server.code == 500
    assert len([record for record in caplog.records if "of the app" in record.getMessage()]) == 1
    assert (told.count("finish inner"), told.count("finish outer")) == (1, 1)


def test_kept_result_ends_both_guards_at_close() -> None:
    import io

    file = io.BytesIO(b"a")

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])
        return file

    told: list[str] = []
    guard = guarded(Around(guarded(app, Told("inner", told))), Told("outer", told))
    result: Any = guard(request(), Server().start_response)
    assert result is file
    assert [word for word in told if "finish" in word] == []
    result.close()
    assert [word for word in told if "finish" in word] == ["finish inner", "finish outer"]
    assert file.closed
    assert "close" not in file.__dict__


def test_inner_refusal_answers_through_the_outer() -> None:
    told: list[str] = []
    inner = guarded(app, Told("inner", told, before=Refused(403, "no")))
    server = serve(guarded(Around(inner), Told("outer", told)))
    assert (server.code, server.header("X-outer"), server.header("X-inner")) == (403, "403", "403")


def test_request_of_its_own_inside_a_request_is_another() -> None:
    ids: list[str] = []
    other = guarded(app)

    def calling(environ: Environ, start_response: Any) -> Iterable[bytes]:
        facts = current()
        assert facts is not None
        mine = request()
        body = serve(other, mine).body
        ids.extend([facts.request_id, mine["wsgi_guard.request_id"]])
        assert current() is facts
        start_response("200 OK", [PLAIN])
        return [body]

    assert serve(guarded(calling)).body == b"app"
    assert ids[0] != ids[1]


# request ids


def test_request_id_of_the_app_wins() -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("x-request-id", "mine")])
        return []

    assert serve(guarded(app)).headers == [("x-request-id", "mine")]


def test_request_ids_are_32_hex_and_differ() -> None:
    guard = guarded(app)
    ids = [str(serve(guard).header("X-Request-ID")) for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(one) == 32 and int(one, 16) >= 0 and one == one.lower() for one in ids)
