"""Places in the queue for a connection."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
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
    """Threads that wait for a connection of a pool, and that go on with it only when `gate` is open."""

    def __init__(self, pool: Pool, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = threading.Event()
        self.got: list[int] = []
        self._pool = pool
        wait = Turn.wait

        def held_up(turn: Turn, timeout: float) -> Any:
            conn = wait(turn, timeout)
            self.gate.wait()
            return conn

        monkeypatch.setattr(Turn, "wait", held_up)
        self._threads = [threading.Thread(target=self._work, args=(each,)) for each in range(number)]
        for waiting, thread in enumerate(self._threads, start=1):
            thread.start()
            until(lambda waiting=waiting: pool.get_stats()["requests_waiting"] == waiting)  # type: ignore[misc]

    def _work(self, number: int) -> None:
        with self._pool.connection(timeout=20.0) as conn:
            self.got.append(number)
            conn.execute("SELECT 1")

    def ends(self) -> list[int]:
        self.gate.set()
        for thread in self._threads:
            thread.join()
        return self.got


def test_while_who_was_called_is_on_the_way_others_may_take(two: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LONG", 60.0)
    first, second = two.getconn(), two.getconn()
    queue = Queue(two, 3, monkeypatch)
    first.close()
    second.close()
    assert two.get_stats()["requests_waiting"] == 2
    for _ in range(3):
        with two.connection(timeout=1.0) as conn:
            assert conn is second
    # Whoever runs calls the next, and nobody is left.
    assert sorted(queue.ends()) == [0, 1, 2]
    assert two.get_stats()["pool_available"] == 2


def test_who_has_waited_long_goes_first(two: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LONG", 0.0)
    first, second = two.getconn(), two.getconn()
    queue = Queue(two, 2, monkeypatch)
    first.close()
    second.close()
    assert two.get_stats()["requests_waiting"] == 0
    assert two.get_stats()["pool_available"] == 0
    assert sorted(queue.ends()) == [0, 1]


def test_who_gives_up_while_called_is_no_end_of_the_queue(two: Pool) -> None:
    """A wait that ends in the very moment in which it is answered takes what it was given, or leaves it to the next."""
    chance = random.Random(5)
    times = [[chance.choice((0.0002, 0.001, 0.005, 5.0)) for _ in range(150)] for _ in range(12)]
    found = [0, 0]

    def work(mine: list[float]) -> None:
        for timeout in mine:
            try:
                with two.connection(timeout=timeout) as conn:
                    conn.execute("SELECT 1")
                found[0] += 1
            except PoolTimeout:
                assert timeout < 5.0
                found[1] += 1

    threads = [threading.Thread(target=work, args=(mine,)) for mine in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = two.get_stats()
    assert stats.get("requests_waiting", 0) == 0
    assert stats["pool_available"] == 2
    assert sum(found) == 12 * 150 and min(found) > 0
    assert two.called is None


def test_nobody_is_passed_over_for_ever(two: Pool) -> None:
    """Threads that come back at once do not keep the others out."""
    end, counts = time.monotonic() + 1.0, [0] * 12

    def work(number: int) -> None:
        while time.monotonic() < end:
            with two.connection(timeout=5.0) as conn:
                conn.execute("SELECT 1")
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(counts) >= 5


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
