"""Lines that threads and pools of an app write on behalf of a request have its id, and only while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.capture.support import call
from wsgi_guard import Guard

log = logging.getLogger("tests.inheriting")
PATIENCE = 20.0


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append((record.getMessage(), vars(record)["request_id"]))


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    handler = Heard()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler.told
    log.removeHandler(handler)


def guarded(act: Callable[[dict[str, Any]], None]) -> Guard:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        act(environ)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    guard = Guard(app, {"rate_limit": {"store": "memory"}})
    guard.begin()
    return guard


def say(own: str) -> None:
    log.info("%s", own)


def test_thread_of_a_thread_of_a_request_has_its_id(heard: list[tuple[str, str]]) -> None:
    def deeper(own: str) -> None:
        say(own)
        inner = threading.Thread(target=say, args=(own,))
        inner.start()
        inner.join()

    def act(environ: dict[str, Any]) -> None:
        thread = threading.Thread(target=deeper, args=(environ["wsgi_guard.request_id"],))
        thread.start()
        thread.join()

    guard = guarded(act)
    for _ in range(2):
        call(guard, "/")
    assert len(heard) == 4
    assert all(message == bound for message, bound in heard)
    assert len({bound for _, bound in heard}) == 2


def test_pool_that_a_request_made_knows_each_piece_of_work(heard: list[tuple[str, str]]) -> None:
    with ThreadPoolExecutor(2) as pool:

        def act(environ: dict[str, Any]) -> None:
            own = environ["wsgi_guard.request_id"]
            list(pool.map(say, [own] * 5))

        guard = guarded(act)
        for _ in range(20):
            call(guard, "/")
        pool.submit(say, "-").result(PATIENCE)
    assert len(heard) == 101
    assert all(message == bound for message, bound in heard)


def test_thread_that_outlives_its_request_has_no_id_any_more(heard: list[tuple[str, str]]) -> None:
    over, threads = threading.Event(), []

    def later() -> None:
        over.wait(PATIENCE)
        say("-")

    def act(environ: dict[str, Any]) -> None:
        threads.append(threading.Thread(target=later))
        threads[0].start()

    call(guarded(act), "/")
    over.set()
    threads[0].join(PATIENCE)
    assert heard == [("-", "-")]


def test_threads_of_the_app_itself_have_none(heard: list[tuple[str, str]]) -> None:
    guarded(lambda environ: None)
    thread = threading.Thread(target=say, args=("-",))
    thread.start()
    thread.join(PATIENCE)
    assert heard == [("-", "-")]
