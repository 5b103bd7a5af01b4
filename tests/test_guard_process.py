"""What a guard starts in a process, and what a fork makes of it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.calling import PLAIN, RAISE, Environ, serve
from wsgi_guard import Guard
from wsgi_guard.chain import Chain


class Started:
    name = "started"

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.starts = 0

    def start(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.starts += 1


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return [b"app"]


def guarded(*layers: Any) -> Guard:
    guard = Guard(app, RAISE)
    guard.stack.full = Chain([guard.stack.capture, *layers])
    guard.starts.again()
    return guard


def test_layers_start_at_the_first_request_once() -> None:
    layer = Started()
    guard = guarded(layer)
    assert layer.starts == 0
    for _ in range(3):
        serve(guard)
    assert layer.starts == 1


def test_failed_start_raises_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Started(), Started(OSError("not yet"), OSError("still not"))
    guard = guarded(first, second)
    for text in ("not yet", "still not"):
        server = serve(guard)
        assert (type(server.error), str(server.error)) == (OSError, text)
    assert serve(guard).body == b"app"
    assert (first.starts, second.starts) == (1, 1)
    services = [record.event["service"] for record in caplog.records if hasattr(record, "event")]
    assert services == ["wsgi_guard.started"] * 2


def test_threads_start_layers_once() -> None:
    entered, go = threading.Event(), threading.Event()

    class Slow(Started):
        def start(self) -> None:
            entered.set()
            assert go.wait(10)
            super().start()

    layer = Slow()
    guard = guarded(layer)
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(serve(guard).body)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert (layer.starts, answers) == (1, [b"app"] * 4)


def forked(check: Callable[[], bool]) -> bool:
    """What `check` says in a child of this process."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if check() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_layers_start_again_in_a_child() -> None:
    layer = Started()
    guard = guarded(layer)
    serve(guard)

    def check() -> bool:
        return serve(guard).body == b"app" and serve(guard).body == b"app" and layer.starts == 2

    assert forked(check)
    assert layer.starts == 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_in_mid_start_leaves_no_lock() -> None:
    entered, go = threading.Event(), threading.Event()

    class Slow(Started):
        def start(self) -> None:
            if threading.current_thread() is not threading.main_thread():
                entered.set()
                assert go.wait(10)
            super().start()

    guard = guarded(Slow())
    thread = threading.Thread(target=serve, args=(guard,))
    thread.start()
    assert entered.wait(10)
    assert forked(lambda: serve(guard).body == b"app")
    go.set()
    thread.join(10)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_child_makes_request_ids_of_its_own() -> None:
    guard = guarded()
    serve(guard)
    reading, writing = os.pipe()

    def check() -> bool:
        os.write(writing, str(serve(guard).header("X-Request-ID")).encode())
        return True

    assert forked(check)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        theirs = pipe.read().decode()
    mine = {serve(guard).header("X-Request-ID") for _ in range(500)}
    assert len(theirs) == 32
    assert theirs not in mine


def test_guard_dies_with_its_last_reference() -> None:
    guard = guarded()
    serve(guard)
    gone = weakref.ref(guard)
    del guard
    gc.collect()
    assert gone() is None


def test_import_and_construction_register_nothing() -> None:
    code = """
import logging, os, threading
told = []
os.register_at_fork = lambda **what: told.append(what)
before = threading.active_count()
from wsgi_guard import Guard
guard = Guard(lambda environ, start_response: [], {"guard": {"layers": []}})
assert not [what for what in told if what["after_in_child"].__module__.startswith("wsgi_guard")], told
assert threading.active_count() == before
for _ in range(3):
    Guard(lambda environ, start_response: [], {"guard": {"layers": []}}).begin()
assert len([what for what in told if what["after_in_child"].__module__ == "wsgi_guard.process"]) == 1, told
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
