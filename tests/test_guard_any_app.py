"""Apps made up at random behave inside the guard as outside, whatever they do in whatever order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.calling import PLAIN, RAISE, Environ, Server, request
from wsgi_guard import Guard

# What an app does next: starts (again), writes, yields, catches what the last step raised, raises, leaves.
STEPS = ["start", "start", "again", "again caught", "twice", "twice caught", "write", "write nothing", "yield",
         "yield nothing", "raise", "leave", "stop"]  # fmt: skip
Steps = list[str]


class Boom(Exception):
    """The app's own."""


class Leaving(BaseException):
    """As a worker that is told to end."""


class Script:
    """An app that does `called` when it is called and `iterated` while it is iterated."""

    def __init__(self, called: Steps, iterated: Steps, shape: str) -> None:
        self.called = called
        self.iterated = iterated
        self.shape = shape
        self.told: list[str] = []
        self.count = 0

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        self.start_response = start_response
        self.write: Any = None
        chunks = list(self._run(self.called))
        if self.shape == "list":
            return chunks
        if self.shape == "tuple":
            return tuple(chunks)
        return Result(self) if self.shape == "iterable" else self._stream()

    def _stream(self) -> Iterator[bytes]:
        try:
            yield from self._run(self.iterated)
        finally:
            self.told.append("close")

    def _run(self, steps: Steps) -> Iterator[bytes]:
        for step in steps:
            self.count += 1
            word, _, caught = step.partition(" ")
            if word == "yield":
                yield b"" if caught else b"%d" % self.count
            elif caught == "caught":
                try:
                    self._do(word)
                except Exception as error:
                    self.told.append(f"{type(error).__name__}: {error}")
            else:
                self._do(word, b"" if caught else b"%d" % self.count)

    def _do(self, word: str, data: bytes = b"") -> None:
        if word == "start" and self.write is None:
            self.write = self.start_response(f"200 {self.count}", [PLAIN])
        elif word == "again":
            try:
                raise Boom(f"again {self.count}")
            except Boom:
                self.write = self.start_response(f"500 {self.count}", [PLAIN], sys.exc_info())
        elif word == "twice" and self.write is not None:
            self.start_response(f"201 {self.count}", [PLAIN])
        elif word == "write" and self.write is not None:
            self.write(data)
        elif word == "raise":
            raise Boom(f"raised {self.count}")
        elif word == "leave":
            raise Leaving
        elif word == "stop" and self.shape == "iterable":
            raise KeyError("stop")


class Result:
    """An iterable of the script's own; `close` is counted."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def __iter__(self) -> Iterator[bytes]:
        return self.script._run(self.script.iterated)

    def close(self) -> None:
        self.script.told.append("close")


def outcome(script: Script, guard: bool, leave_after: int | None) -> Any:
    server = Server()
    environ = request()
    if guard:
        environ["script"] = script
        server.serve(GUARD, environ, leave_after=leave_after)
    else:
        server.serve(script, environ, leave_after=leave_after)
    head: Any = None
    if server.heads and (server.sent or server.error is None):
        # A head that nothing followed and that ended in an error never left.
        status, headers, _ = server.heads[-1]
        head = status, [item for item in headers if item[0] not in ("X-Request-ID", "X-Error-ID")]
    return head, server.chunks, type(server.error), str(server.error), script.told


GUARD = Guard(lambda environ, start_response: environ["script"](environ, start_response), RAISE)
ANY = st.lists(st.sampled_from(STEPS), max_size=6)


@settings(max_examples=400, deadline=None)
@given(ANY, ANY, st.sampled_from(["list", "tuple", "iterable", "generator"]), st.sampled_from([None, 0, 1, 2]))
@example(["start", "yield"], [], "list", None)
@example([], ["start", "yield", "again caught", "yield"], "generator", None)
@example(["start", "write", "again"], [], "list", None)
@example(["start"], ["again", "yield"], "iterable", None)
def test_any_app_behaves_as_outside(called: Steps, iterated: Steps, shape: str, leave_after: int | None) -> None:
    bare = outcome(Script(called, iterated, shape), False, leave_after)
    assert outcome(Script(called, iterated, shape), True, leave_after) == bare
