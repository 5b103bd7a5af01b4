"""Places in the queue for a connection."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from psycopg_pool import PoolClosed, PoolTimeout

from tests.health.ticking import until
from tests.support.postgres import Postgres
from wsgi_guard.db import turn
from wsgi_guard.db.pool import Pool
from wsgi_guard.db.turn import Turn
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret

CONN: Any = object()
PATIENCE = 20.0


def test_who_was_given_a_connection_has_it() -> None:
    place = Turn()
    assert place.set(CONN)
    assert place.wait(0.0) is CONN
    assert not place.set(object())
    assert not place.fail(PoolClosed())


def test_who_gave_up_is_given_nothing() -> None:
    place = Turn()
    with pytest.raises(PoolTimeout):
        place.wait(0.01)
    assert not place.set(CONN)
    assert place.conn is None


def test_who_was_refused_hears_why() -> None:
    place = Turn()
    assert place.fail(PoolClosed("it is closed"))
    with pytest.raises(PoolClosed, match="it is closed"):
        place.wait(1.0)


class Interrupted:
    """A lock whose holder is interrupted as soon as he has it."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def acquire(self, blocking: bool, timeout: float) -> bool:
        assert self._lock.acquire(blocking, timeout)
        raise KeyboardInterrupt


def test_who_is_interrupted_with_the_answer_in_hand_does_not_wait_for_another() -> None:
    place = Turn()
    assert place.set(CONN)
    place._gate = Interrupted(place._gate)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        place.wait(1.0)
    assert place.conn is CONN


def test_who_answers_and_is_interrupted_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "STEP", 0.01)
    place = Turn()
    assert place._answers()
    with pytest.raises(PoolTimeout):
        place.wait(0.01)


def test_giving_and_giving_up_never_both_happen() -> None:
    given, taken = 0, 0
    for _ in range(300):
        place = Turn()
        asked = threading.Thread(target=given_up, args=(place,))
        asked.start()
        given += place.set(CONN)
        asked.join()
        taken += place.conn is CONN
    assert given == taken


def given_up(turn: Turn) -> None:
    try:
        turn.wait(0.0001)
    except PoolTimeout:
        assert turn.conn is None


def test_interrupted_wait_loses_no_connection(postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    try:
        held = pool.getconn()
        wait = Turn.wait

        def interrupted(turn: Turn, timeout: float) -> Any:
            held.close()
            wait(turn, timeout)
            raise KeyboardInterrupt

        monkeypatch.setattr(Turn, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.getconn()
        monkeypatch.undo()
        with pool.connection(timeout=1.0) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        assert pool.get_stats()["requests_errors"] == 1
    finally:
        pool.close(0.2)


def test_queue_is_first_come_first_served(postgres_server: Postgres) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    order: list[int] = []

    def work(number: int) -> None:
        with pool.connection() as conn:
            order.append(number)
            conn.execute("SELECT 1")

    try:
        held, threads = pool.getconn(), [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for waiting, thread in enumerate(threads, start=1):
            thread.start()
            while pool.get_stats()["requests_waiting"] < waiting:
                pass
        held.close()
        for thread in threads:
            thread.join()
        assert order == [0, 1, 2, 3, 4]
    finally:
        pool.close(0.2)


@pytest.fixture
def two(postgres_server: Postgres) -> Iterator[Pool]:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), min_size=2, max_size=2))
    pool.wait(10.0)
    yield pool
    pool.close(0.2)


class Queue:
    """Threads that wait for a connection of a pool, go on with it when `gate` opens, and keep it until `end` does."""

    def __init__(self, pool: Pool, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate, self.end = threading.Event(), threading.Event()
        self.got: list[int] = []
        self._pool = pool
        wait = Turn.wait

        def held_up(place: Turn, timeout: float) -> Any:
            conn = wait(place, timeout)
            self.gate.wait(PATIENCE)
            return conn

        monkeypatch.setattr(Turn, "wait", held_up)
        self._threads = [threading.Thread(target=self._work, args=(each,), daemon=True) for each in range(number)]
        for waiting, thread in enumerate(self._threads, start=1):
            thread.start()
            until(lambda waiting=waiting: pool.get_stats()["requests_waiting"] == waiting)  # type: ignore[misc]

    def _work(self, number: int) -> None:
        with self._pool.connection(timeout=PATIENCE) as conn:
            conn.execute("SELECT 1")
            self.got.append(number)
            self.end.wait(PATIENCE)

    def ends(self) -> list[int]:
        self.gate.set()
        self.end.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.got


def queued(two: Pool, number: int, long: float, monkeypatch: pytest.MonkeyPatch) -> tuple[Queue, Any]:
    """So many wait for two connections that have just come back; with the second one. A wait of `long` is long."""
    monkeypatch.setattr(turn, "LONG", long)
    first, second = two.getconn(), two.getconn()
    queue = Queue(two, number, monkeypatch)
    first.close()
    second.close()
    return queue, second


def at_once(work: Callable[[Any], None], each: Iterable[Any]) -> None:
    """Does the work with each, in threads of their own."""
    threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)


def test_while_who_was_called_is_on_the_way_others_may_take(two: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, second = queued(two, 3, 60.0, monkeypatch)
    assert two.get_stats()["requests_waiting"] == 2
    for _ in range(3):
        with two.connection(timeout=1.0) as conn:
            assert conn is second
    assert sorted(queue.ends()) == [0, 1, 2]
    assert two.get_stats()["pool_available"] == 2
    assert two.called is None


def test_who_was_called_calls_the_next(two: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, _ = queued(two, 2, 60.0, monkeypatch)
    queue.gate.set()
    # The first one keeps what it was given: nobody gives anything back.
    until(lambda: len(queue.got) == 2)
    assert sorted(queue.ends()) == [0, 1]


def test_who_has_waited_long_goes_first(two: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, _ = queued(two, 2, 0.0, monkeypatch)
    assert two.get_stats()["requests_waiting"] == 0
    assert two.get_stats()["pool_available"] == 0
    assert sorted(queue.ends()) == [0, 1]


def test_who_gives_up_while_called_is_no_end_of_the_queue(two: Pool) -> None:
    """A wait that ends in the very moment in which it is answered takes what it was given, or leaves it to the next."""
    chance = random.Random(5)
    times = [[chance.choice((0.0002, 0.001, 0.005, PATIENCE)) for _ in range(60)] for _ in range(12)]
    found = [0, 0]

    def work(mine: list[float]) -> None:
        for timeout in mine:
            try:
                with two.connection(timeout=timeout) as conn:
                    conn.execute("SELECT pg_sleep(0.002)")
                found[0] += 1
            except PoolTimeout:
                assert timeout < PATIENCE
                found[1] += 1

    at_once(work, times)
    stats = two.get_stats()
    assert stats.get("requests_waiting", 0) == 0
    assert stats["pool_available"] == 2
    assert sum(found) == 12 * 60
    assert min(found) > 0
    assert two.called is None


def test_who_gave_up_leaves_no_place_behind(postgres_server: Postgres) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1, max_waiting=2))
    try:
        held = pool.getconn()
        for _ in range(5):
            with pytest.raises(PoolTimeout):
                pool.getconn(0.01)
            assert pool.get_stats()["requests_waiting"] == 0
        held.close()
    finally:
        pool.close(0.2)


def test_nobody_is_passed_over_for_ever(two: Pool) -> None:
    """Threads that come back at once do not keep the others out."""
    end, counts = time.monotonic() + 1.0, [0] * 12

    def work(number: int) -> None:
        while not counts[number] or time.monotonic() < end:
            with two.connection(timeout=PATIENCE) as conn:
                conn.execute("SELECT 1")
            counts[number] += 1

    at_once(work, range(len(counts)))
    assert min(counts) >= 1


def test_who_waits_for_a_full_pool_hears_of_what_comes_back(two: Pool) -> None:
    conn = two.getconn()
    waiting = threading.Thread(target=two.wait, args=(PATIENCE,), daemon=True)
    waiting.start()
    until(lambda: two._pool_full_event is not None)
    conn.close()
    waiting.join(PATIENCE / 2)
    assert not waiting.is_alive()
    assert not two.closed


def test_drained_and_aged_connections_are_replaced(postgres_server: Postgres) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    try:
        with pool.connection() as conn:
            first = conn.info.backend_pid
            pool.drain()
        with pool.connection() as conn:
            second = conn.info.backend_pid
            conn._expire_at = 0.0
        with pool.connection() as conn:
            third = conn.info.backend_pid
        with pool.connection() as conn:
            assert conn.info.backend_pid == third
        assert len({first, second, third}) == 3
    finally:
        pool.close(0.2)


def test_connection_of_a_closed_pool_is_closed(postgres_server: Postgres) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    conn = pool.getconn()
    pool.close(0.2)
    conn.close()
    assert conn.closed
